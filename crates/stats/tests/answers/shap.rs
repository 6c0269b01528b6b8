//! Attributions of LightGBM and XGBoost models; the dumps are parsed here, the numbers come from `explain`.

use super::set::{Case, Set, Table};
use kilter_stats::explain::{Attribution, Missing, TreeEnsemble, TreeNode};
use serde_json::{Value, json};
use std::collections::HashMap;

pub fn answer(set: &Set, case: &Case) -> Option<Result<Value, String>> {
    match case.metric.as_str() {
        "treeshap_path_dependent" => Some(path(set, case)),
        "treeshap_interventional" => Some(interventional(set, case)),
        _ => None,
    }
}

fn path(set: &Set, case: &Case) -> Result<Value, String> {
    let model = Model::read(set, case)?;
    let rows = model.rows(&*set.of(case, "rows")?, None);
    let got = model.ensemble.path_dependent(&rows).map_err(|error| error.to_string())?;
    let raw = model.ensemble.predict(&rows).map_err(|error| error.to_string())?;
    let mut answer = table(&got);
    answer["raw_prediction"] = json!(raw);
    answer["mean_abs"] = json!(got.mean_absolute());
    Ok(answer)
}

fn interventional(set: &Set, case: &Case) -> Result<Value, String> {
    let model = Model::read(set, case)?;
    let rows = model.rows(&*set.of(case, "rows")?, Some(0.0));
    let background = model.rows(&*set.of(case, "background")?, Some(0.0));
    let background = model.ensemble.background(&background).map_err(|error| error.to_string())?;
    let got = model.ensemble.interventional(&rows, &background).map_err(|error| error.to_string())?;
    Ok(table(&got))
}

fn table(attribution: &Attribution) -> Value {
    let rows: Vec<&[f64]> = attribution.values.chunks(attribution.features).collect();
    json!({"base": attribution.base, "values": rows})
}

struct Model {
    ensemble: TreeEnsemble,
    /// XGBoost compares in single precision.
    single: bool,
}

impl Model {
    fn read(set: &Set, case: &Case) -> Result<Self, String> {
        let text = set.read(case.need("model")?)?;
        if text.trim_start().starts_with('{') { xgboost(&text) } else { lightgbm(&text) }
    }

    fn rows(&self, table: &Table, fill: Option<f64>) -> Vec<f64> {
        let columns: Vec<Vec<f64>> = table.columns.iter().map(|(_, column)| column.numbers()).collect();
        let single = |x: f64| if self.single { f64::from(x as f32) } else { x };
        let value = |x: f64| if x.is_nan() { fill.unwrap_or(x) } else { single(x) };
        (0..table.rows()).flat_map(|row| columns.iter().map(move |column| value(column[row]))).collect()
    }
}

fn lightgbm(text: &str) -> Result<Model, String> {
    let mut trees = Vec::new();
    let mut blocks = text.split("\nTree=");
    let head = blocks.next().unwrap_or_default();
    let last = head.lines().find_map(|line| line.strip_prefix("max_feature_idx="));
    let features: usize = last.and_then(|last| last.parse::<usize>().ok()).ok_or("no max_feature_idx")? + 1;
    for block in blocks {
        let fields: HashMap<&str, &str> = block.lines().filter_map(|line| line.split_once('=')).collect();
        let numbers = |key: &str| -> Vec<f64> {
            fields.get(key).map_or("", |line| line).split_whitespace().filter_map(|x| x.parse().ok()).collect()
        };
        let (value, weight) = (numbers("leaf_value"), numbers("leaf_count"));
        let (feature, threshold, kind) = (numbers("split_feature"), numbers("threshold"), numbers("decision_type"));
        let (left, right, count) = (numbers("left_child"), numbers("right_child"), numbers("internal_count"));
        if value.len() == 1 {
            trees
                .push(vec![TreeNode::Leaf { value: value[0], cover: weight.first().copied().unwrap_or(1.0).max(1.0) }]);
            continue;
        }
        let mut nodes = Vec::new();
        // Children must come after their parents, so the tree is copied from its root.
        let mut waiting = vec![(0i64, None::<(usize, bool)>)];
        while let Some((at, parent)) = waiting.pop() {
            let place = nodes.len();
            if let Some((parent, is_left)) = parent {
                link(&mut nodes, parent, is_left, place);
            }
            if at < 0 {
                let leaf = (-at - 1) as usize;
                nodes.push(TreeNode::Leaf { value: value[leaf], cover: weight[leaf] });
                continue;
            }
            let at = at as usize;
            let (flags, default_left) = (kind[at] as u32, kind[at] as u32 & 2 != 0);
            let missing = match (flags >> 2 & 3, default_left) {
                (0, _) => Missing::Zero,
                (1, true) => Missing::ZeroLeft,
                (1, false) => Missing::ZeroRight,
                (_, true) => Missing::Left,
                (_, false) => Missing::Right,
            };
            if flags & 1 == 1 {
                return Err("categorical splits are not read here".to_owned());
            }
            let feature = feature[at] as usize;
            nodes.push(TreeNode::Split {
                feature,
                threshold: threshold[at],
                left: 0,
                right: 0,
                missing,
                cover: count[at],
            });
            waiting.push((right[at] as i64, Some((place, false))));
            waiting.push((left[at] as i64, Some((place, true))));
        }
        trees.push(nodes);
    }
    let ensemble = TreeEnsemble::new(trees, false, 0.0, features).map_err(|error| error.to_string())?;
    Ok(Model { ensemble, single: false })
}

fn link(nodes: &mut [TreeNode], parent: usize, is_left: bool, child: usize) {
    if let TreeNode::Split { left, right, .. } = &mut nodes[parent] {
        *(if is_left { left } else { right }) = child;
    }
}

fn xgboost(text: &str) -> Result<Model, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let learner = &document["learner"];
    let parameter = &learner["learner_model_param"];
    let number = |key: &str| -> Option<f64> { parameter[key].as_str()?.trim_matches(['[', ']']).parse().ok() };
    let (base, features) =
        (number("base_score").ok_or("no base_score")?, number("num_feature").ok_or("no num_feature")?);
    let mut trees = Vec::new();
    for tree in learner["gradient_booster"]["model"]["trees"].as_array().ok_or("no trees")? {
        let list = |key: &str| -> Vec<f64> {
            tree[key].as_array().into_iter().flatten().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
        };
        let single = |key: &str| -> Vec<f64> { list(key).into_iter().map(|x| f64::from(x as f32)).collect() };
        let (left, right, default) = (list("left_children"), list("right_children"), list("default_left"));
        let (condition, index, cover) = (single("split_conditions"), list("split_indices"), single("sum_hessian"));
        let node = |at: usize| {
            if left[at] < 0.0 {
                return TreeNode::Leaf { value: condition[at], cover: cover[at] };
            }
            TreeNode::Split {
                feature: index[at] as usize,
                threshold: condition[at],
                left: left[at] as usize,
                right: right[at] as usize,
                missing: if default[at] == 1.0 { Missing::Left } else { Missing::Right },
                cover: cover[at],
            }
        };
        trees.push((0..left.len()).map(node).collect());
    }
    let ensemble = TreeEnsemble::new(trees, true, base, features as usize).map_err(|error| error.to_string())?;
    Ok(Model { ensemble, single: true })
}
