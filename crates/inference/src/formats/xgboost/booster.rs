//! From the lists of a booster to checked trees, or to the weights of a linear model.

use std::{collections::HashMap, sync::Arc};

use super::document::{Booster, BoosterModel, Learner, TreeLists, short};
use crate::{
    ensemble::Scorer,
    error::LoadError,
    formats::{
        Format,
        native::{broken, unsupported},
    },
    trees::{Forest, Mode, Node, Test, Tree},
};

/// What makes the raw scores, and where they start.
pub(super) struct Scores {
    pub scorer: Scorer,
    pub base: Vec<f64>,
}

/// Why a booster does not run.
pub(super) enum BoosterError {
    Broken(String),
    Unsupported(String),
}

impl BoosterError {
    pub fn of(self, format: Format) -> LoadError {
        match self {
            Self::Broken(reason) => broken(format, reason),
            Self::Unsupported(reason) => unsupported(format, reason),
        }
    }
}

impl From<String> for BoosterError {
    fn from(reason: String) -> Self {
        Self::Broken(reason)
    }
}

/// The scores of the booster of a learner.
pub(super) fn scores(learner: &Learner, base: Vec<f64>, width: usize) -> Result<Scores, BoosterError> {
    let booster = &learner.gradient_booster;
    match booster.name.as_str() {
        "gbtree" => {
            let forest = forest(model(booster)?, &[], base.len(), best_iteration(learner)?)?;
            Ok(Scores { scorer: Scorer::Forest(Box::new(forest)), base })
        }
        "dart" => {
            let inner = booster.gbtree.as_deref().ok_or_else(|| "its booster has no trees".to_owned())?;
            let forest = forest(model(inner)?, &booster.weight_drop, base.len(), best_iteration(learner)?)?;
            Ok(Scores { scorer: Scorer::Forest(Box::new(forest)), base })
        }
        "gblinear" => linear(model(booster)?, base, width),
        other => Err(BoosterError::Unsupported(format!("its booster `{}` is not known", short(other)))),
    }
}

fn model(booster: &Booster) -> Result<&BoosterModel, String> {
    booster.model.as_ref().ok_or_else(|| "its booster has no model".to_owned())
}

/// The iteration up to which scikit-learn's interface predicts. A bare booster predicts with all trees.
fn best_iteration(learner: &Learner) -> Result<Option<usize>, String> {
    match learner.attributes.get("best_iteration") {
        Some(text) if learner.attributes.contains_key("scikit_learn") => {
            text.parse().map(Some).map_err(|_| format!("its best iteration is `{}`", short(text)))
        }
        _ => Ok(None),
    }
}

/// Features x scores, then the intercepts.
fn linear(model: &BoosterModel, base: Vec<f64>, width: usize) -> Result<Scores, BoosterError> {
    let outputs = base.len();
    let weights = model.weights.get(..width * outputs);
    let (Some(weights), Some(intercepts)) = (weights, model.weights.get(width * outputs..)) else {
        return Err(format!("{} weights do not fit {width} features", model.weights.len()).into());
    };
    if intercepts.len() != outputs || model.weights.iter().any(|weight| !weight.is_finite()) {
        return Err("its weights are not one finite number per feature and score, and the intercepts"
            .to_owned()
            .into());
    }
    // XGBoost 3.2 predicts each score of a linear booster from the first base score.
    let base = intercepts.iter().map(|intercept| base[0] + intercept).collect();
    Ok(Scores { scorer: Scorer::Linear { weights: weights.to_vec() }, base })
}

fn forest(model: &BoosterModel, weights: &[f64], outputs: usize, best: Option<usize>) -> Result<Forest, BoosterError> {
    if model.tree_info.len() != model.trees.len() {
        return Err(format!(
            "it has {} trees and says of {} what they add to",
            model.trees.len(),
            model.tree_info.len()
        )
        .into());
    }
    if !weights.is_empty() && weights.len() != model.trees.len() {
        return Err(format!("it has {} trees and the weights of {}", model.trees.len(), weights.len()).into());
    }
    let used = match best {
        None => model.trees.len(),
        Some(best) => trees_up_to(model, best, outputs)?.min(model.trees.len()),
    };
    let mut trees = Vec::with_capacity(used);
    for (at, (lists, info)) in model.trees.iter().zip(&model.tree_info).take(used).enumerate() {
        let output = usize::try_from(*info).ok().filter(|output| *output < outputs);
        let output = output.ok_or_else(|| format!("tree {at} adds to score {info} of {outputs}"))?;
        let weight = weights.get(at).copied().unwrap_or(1.0);
        if !weight.is_finite() {
            return Err(format!("tree {at} has the weight {weight}").into());
        }
        if lists.tree_param.as_ref().is_some_and(|param| param.size_leaf_vector.0 > 1) {
            return Err(BoosterError::Unsupported("its leaves hold a vector each (`multi_output_tree`)".into()));
        }
        let made = tree(lists, output as u32, weight as f32);
        trees.push(made.map_err(|reason| format!("tree {at} {reason}"))?);
    }
    Ok(Forest::new(&trees, outputs)?)
}

/// How many trees the iterations up to `best` have.
fn trees_up_to(model: &BoosterModel, best: usize, outputs: usize) -> Result<usize, String> {
    let end = best.saturating_add(1);
    if let Some(trees) = model.iteration_indptr.get(end) {
        return usize::try_from(*trees).map_err(|_| format!("iteration {best} ends at tree {trees}"));
    }
    let parallel = model.gbtree_model_param.as_ref().map_or(1, |param| param.num_parallel_tree.0.max(1));
    Ok(end.saturating_mul(parallel).saturating_mul(outputs))
}

/// A tree whose leaves add to `output`, `weight` times.
fn tree(lists: &TreeLists, output: u32, weight: f32) -> Result<Tree, String> {
    let count = lists.left_children.len();
    let sizes = [
        lists.right_children.len(),
        lists.split_indices.len(),
        lists.split_conditions.0.len(),
        lists.default_left.0.len(),
    ];
    let is_optional = |size: usize| size == 0 || size == count;
    if sizes.iter().any(|&size| size != count) || !is_optional(lists.split_type.len()) {
        return Err(format!("has lists of unlike lengths for its {count} nodes"));
    }
    let (sets, reached) = (sets(lists)?, reached(lists)?);
    // Pruned nodes stay in the lists: nothing leads to them.
    let places: HashMap<i64, usize> = reached.iter().zip(0..).map(|(&at, place)| (at as i64, place)).collect();
    let mut tests = Vec::new();
    let mut nodes = Vec::with_capacity(reached.len());
    for &at in &reached {
        // Answers do not need covers: a list of another length counts as none.
        let cover = lists.sum_hessian.0.get(at).map_or(0.0, |&cover| cover as f32);
        let condition = lists.split_conditions.0[at] as f32;
        if lists.left_children[at] < 0 {
            if !condition.is_finite() {
                return Err(format!("has a leaf that is {condition}"));
            }
            nodes.push(Node::leaf(output, f64::from(condition * weight), if reached.len() == 1 { 1.0 } else { cover }));
            continue;
        }
        let (left, right) = (places[&lists.left_children[at]], places[&lists.right_children[at]]);
        let feature = usize::try_from(lists.split_indices[at]).ok().filter(|feature| *feature < 1 << 30);
        let feature = feature.ok_or_else(|| format!("reads feature {}", lists.split_indices[at]))?;
        let default_left = lists.default_left.0[at];
        let is_category = lists.split_type.get(at).is_some_and(|&kind| kind == 1);
        let (mode, yes, no, missing_is_yes) = match is_category {
            // The categories of a set go right.
            true => {
                let words =
                    sets.get(at).cloned().flatten().ok_or_else(|| format!("has no categories for node {at}"))?;
                tests.push(Test::Member { words, missing_is_yes: !default_left });
                (Mode::Test(tests.len() as u32 - 1), right, left, !default_left)
            }
            false if condition.is_nan() => return Err("has a threshold that is no number".into()),
            // Nothing is less: no `x <= t` says so, and `x >= -inf` holds for every number.
            false if condition == f32::NEG_INFINITY => (Mode::LessOrEqual, right, left, !default_left),
            false => (Mode::Less, left, right, default_left),
        };
        let threshold = f64::from(if condition == f32::NEG_INFINITY { f32::INFINITY } else { condition });
        nodes.push(Node { mode, feature, threshold, yes, no, missing_is_yes, votes: Vec::new(), cover });
    }
    Tree::new(nodes, tests)
}

/// The nodes that walks from the first one reach, each behind its parent.
fn reached(lists: &TreeLists) -> Result<Vec<usize>, String> {
    let count = lists.left_children.len();
    let (mut reached, mut is_known) = (vec![0], vec![false; count]);
    *is_known.first_mut().ok_or("has no node")? = true;
    let mut next = 0;
    while let Some(&at) = reached.get(next) {
        next += 1;
        if lists.left_children[at] < 0 {
            continue;
        }
        for child in [lists.left_children[at], lists.right_children[at]] {
            let place = usize::try_from(child).ok().filter(|place| *place < count);
            let place = place.ok_or_else(|| format!("has no node {child}"))?;
            if std::mem::replace(&mut is_known[place], true) {
                return Err(format!("leads to node {place} twice"));
            }
            reached.push(place);
        }
    }
    Ok(reached)
}

/// The largest category that XGBoost takes.
const MAX_CATEGORY: i64 = 1 << 24;

/// By node: its categories, where it has some.
fn sets(lists: &TreeLists) -> Result<Vec<Option<Arc<[u32]>>>, String> {
    let TreeLists { categories_nodes: nodes, categories_segments: starts, categories_sizes: sizes, .. } = lists;
    if starts.len() != nodes.len() || sizes.len() != nodes.len() {
        return Err("has lists of unlike lengths for its categories".into());
    }
    let mut sets = vec![None; if nodes.is_empty() { 0 } else { lists.left_children.len() }];
    // What all sets may take together: a category of one node is a bit, and a few numbers must not make gigabytes.
    let mut room = MAX_SET_WORDS;
    for ((&node, &start), &size) in nodes.iter().zip(starts).zip(sizes) {
        let range = usize::try_from(start).ok().zip(usize::try_from(size).ok());
        let categories = range.and_then(|(start, size)| lists.categories.get(start..start.checked_add(size)?));
        let categories = categories.ok_or_else(|| format!("has no categories from {start} on"))?;
        if let Some(wrong) = categories.iter().find(|category| !(0..MAX_CATEGORY).contains(*category)) {
            return Err(format!("has the category {wrong}"));
        }
        let words = categories.iter().max().map_or(0, |last| *last as usize / 32 + 1);
        room = room.checked_sub(words).ok_or_else(|| "has sets of categories that are too large".to_owned())?;
        let mut bits = vec![0u32; words];
        categories.iter().for_each(|&category| bits[category as usize / 32] |= 1 << (category % 32));
        let place = usize::try_from(node).ok().and_then(|node| sets.get_mut(node));
        *place.ok_or_else(|| format!("has categories for node {node}"))? = Some(Arc::from(bits));
    }
    Ok(sets)
}

/// Words of all sets of a tree at most: 64 MiB.
const MAX_SET_WORDS: usize = 1 << 24;
