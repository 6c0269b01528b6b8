//! From the attributes of `TreeEnsemble` (version 5 of `ai.onnx.ml`) to checked trees: nodes and leaves are lists of their own, and roots name
//! nodes.
//!
//! Invariants: a node is part of one tree. A comparison with a set becomes a chain of comparisons for equality, all of which lead to one branch.

use std::{borrow::Cow, collections::HashMap};

use crate::{
    onnx::{AttributeValue, TensorData, TensorProto},
    ops::Attributes,
    trees::{Mode, Node, Tree},
};

/// The attribute lists.
struct Lists<'a> {
    features: &'a [i64],
    splits: Cow<'a, [f64]>,
    modes: Vec<i64>,
    yes: &'a [i64],
    no: &'a [i64],
    is_leaf_yes: &'a [i64],
    is_leaf_no: &'a [i64],
    missing: &'a [i64],
    cover: Cow<'a, [f64]>,
    targets: &'a [i64],
    weights: Cow<'a, [f64]>,
    /// By node, the set that it compares with.
    members: Vec<Vec<f64>>,
}

fn tensor<'a>(node: &Attributes<'a>, name: &str) -> Result<Option<&'a TensorData>, String> {
    match node.node.attribute(name) {
        None => Ok(None),
        Some(AttributeValue::Tensor(TensorProto { data, .. })) => Ok(Some(data)),
        Some(_) => Err(format!("attribute `{name}` is not a tensor")),
    }
}

fn numbers<'a>(node: &Attributes<'a>, name: &str) -> Result<Cow<'a, [f64]>, String> {
    match tensor(node, name)? {
        None => Ok(Cow::Borrowed(&[])),
        Some(TensorData::Double(values)) => Ok(Cow::Borrowed(values)),
        Some(TensorData::Float(values)) => Ok(values.iter().map(|&value| f64::from(value)).collect()),
        Some(_) => Err(format!("attribute `{name}` is not a tensor of floats or doubles")),
    }
}

/// The number of the comparison with a set.
const MEMBER: i64 = 6;

impl<'a> Lists<'a> {
    fn read(node: &Attributes<'a>) -> Result<Self, String> {
        let modes = match tensor(node, "nodes_modes")? {
            Some(TensorData::Int(values)) => values.clone(),
            _ => return Err("attribute `nodes_modes` is not a tensor of whole numbers".into()),
        };
        let lists = Self {
            features: node.ints("nodes_featureids")?,
            splits: numbers(node, "nodes_splits")?,
            yes: node.ints("nodes_truenodeids")?,
            no: node.ints("nodes_falsenodeids")?,
            is_leaf_yes: node.ints("nodes_trueleafs")?,
            is_leaf_no: node.ints("nodes_falseleafs")?,
            missing: node.ints("nodes_missing_value_tracks_true")?,
            cover: numbers(node, "nodes_hitrates")?,
            targets: node.ints("leaf_targetids")?,
            weights: numbers(node, "leaf_weights")?,
            members: members(&modes, &numbers(node, "membership_values")?)?,
            modes,
        };
        let sizes = [lists.features, lists.yes, lists.no, lists.is_leaf_yes, lists.is_leaf_no].map(<[i64]>::len);
        let count = lists.modes.len();
        let fits = sizes.iter().all(|&size| size == count) && lists.splits.len() == count;
        if !fits
            || !(lists.missing.is_empty() || lists.missing.len() == count)
            || lists.targets.len() != lists.weights.len()
        {
            return Err(format!("the lists of {count} nodes have unlike lengths"));
        }
        Ok(lists)
    }

    /// What the node `at` compares; without its children.
    fn node(&self, at: usize) -> Result<Node, String> {
        let mode = match self.modes[at] {
            0 => Mode::LessOrEqual,
            1 => Mode::Less,
            2 => Mode::GreaterOrEqual,
            3 => Mode::Greater,
            4 | MEMBER => Mode::Equal,
            5 => Mode::NotEqual,
            other => return Err(format!("node mode {other} does not exist")),
        };
        let feature = usize::try_from(self.features[at]).ok().filter(|&feature| feature < 1 << 30);
        let feature = feature.ok_or_else(|| format!("feature {} is out of range", self.features[at]))?;
        let threshold = self.splits[at];
        if threshold.is_nan() && self.modes[at] != MEMBER {
            return Err("a threshold is NaN".into());
        }
        let missing_is_yes = self.missing.get(at).is_some_and(|&flag| flag != 0);
        let cover = if self.cover.len() == self.modes.len() { self.cover[at] as f32 } else { 0.0 };
        Ok(Node { mode, feature, threshold, yes: 0, no: 0, missing_is_yes, votes: Vec::new(), cover })
    }

    fn leaf(&self, at: usize, outputs: usize) -> Result<Node, String> {
        let target = usize::try_from(self.targets[at]).ok().filter(|&target| target < outputs);
        let target = target.ok_or_else(|| format!("a leaf names output {} of {outputs}", self.targets[at]))?;
        let votes = vec![(target as u32, self.weights[at])];
        let (mode, feature, threshold) = (Mode::Leaf, 0, 0.0);
        Ok(Node { mode, feature, threshold, yes: 0, no: 0, missing_is_yes: false, votes, cover: 0.0 })
    }
}

/// The sets of the nodes that compare with one, which NaN separates.
fn members(modes: &[i64], values: &[f64]) -> Result<Vec<Vec<f64>>, String> {
    let mut sets = values.split(|value| value.is_nan());
    let mut members = vec![Vec::new(); modes.len()];
    for (at, _) in modes.iter().enumerate().filter(|(_, mode)| **mode == MEMBER) {
        members[at] = sets.next().filter(|set| !set.is_empty()).ok_or("a node has no membership_values")?.to_vec();
    }
    // A separator may close the last set too.
    if sets.all(<[f64]>::is_empty) { Ok(members) } else { Err("there are more membership_values than nodes".into()) }
}

/// Reads and checks all trees. Every output index is below `outputs`.
pub(super) fn trees(node: &Attributes<'_>, outputs: usize) -> Result<Vec<Tree>, String> {
    let lists = Lists::read(node)?;
    let mut reader = Reader { used: vec![false; lists.modes.len()], lists, outputs };
    node.ints("tree_roots")?.iter().map(|&root| reader.tree(root)).collect()
}

struct Reader<'a> {
    lists: Lists<'a>,
    outputs: usize,
    /// By node, whether some tree has it.
    used: Vec<bool>,
}

/// One tree while it is read.
#[derive(Default)]
struct Growing {
    nodes: Vec<Node>,
    /// Where the nodes and leaves of the file stand in it.
    placed: HashMap<(bool, usize), usize>,
    /// Nodes whose children are not yet read, with the last of the chain that they became.
    open: Vec<(usize, usize)>,
}

impl Reader<'_> {
    fn tree(&mut self, root: i64) -> Result<Tree, String> {
        let mut tree = Growing::default();
        self.place(&mut tree, false, root)?;
        while let Some((at, first)) = tree.open.pop() {
            let (is_leaf_yes, is_leaf_no) = (self.lists.is_leaf_yes[at] != 0, self.lists.is_leaf_no[at] != 0);
            let yes = self.place(&mut tree, is_leaf_yes, self.lists.yes[at])?;
            let no = self.place(&mut tree, is_leaf_no, self.lists.no[at])?;
            let chain = self.lists.members[at].len().max(1);
            for link in first..first + chain {
                tree.nodes[link].yes = yes;
                tree.nodes[link].no = if link + 1 < first + chain { link + 1 } else { no };
            }
        }
        // All nodes are reached from this root, so that no other node is without a parent.
        Tree::new(tree.nodes, Vec::new()).map_err(|reason| format!("the tree of root {root} {reason}"))
    }

    /// Where a node or leaf of the file stands in the tree; it is read when it is named first.
    fn place(&mut self, tree: &mut Growing, is_leaf: bool, id: i64) -> Result<usize, String> {
        let (kind, count) = if is_leaf { ("leaf", self.lists.targets.len()) } else { ("node", self.lists.modes.len()) };
        let at = usize::try_from(id).ok().filter(|&at| at < count).ok_or_else(|| format!("there is no {kind} {id}"))?;
        if let Some(place) = tree.placed.get(&(is_leaf, at)) {
            return Ok(*place);
        }
        let place = tree.nodes.len();
        tree.placed.insert((is_leaf, at), place);
        if is_leaf {
            tree.nodes.push(self.lists.leaf(at, self.outputs)?);
            return Ok(place);
        }
        if std::mem::replace(&mut self.used[at], true) {
            return Err(format!("node {at} is part of two trees"));
        }
        let node = self.lists.node(at)?;
        match &self.lists.members[at][..] {
            [] => tree.nodes.push(node),
            members => tree.nodes.extend(members.iter().map(|&threshold| Node { threshold, ..node.clone() })),
        }
        tree.open.push((at, place));
        Ok(place)
    }
}
