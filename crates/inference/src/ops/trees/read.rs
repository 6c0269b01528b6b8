//! From the attribute lists of a tree ensemble to checked trees.

use std::{borrow::Cow, collections::HashMap};

use crate::{
    ops::Attributes,
    trees::{Mode, Node, Tree},
};

/// Names of the leaf attributes: they differ between classifier and regressor.
pub(super) struct LeafNames {
    pub prefix: &'static str,
    pub outputs: &'static str,
}

/// Reads and checks all trees. Every output index is below `outputs`.
pub(super) fn trees(node: &Attributes<'_>, leaf: &LeafNames, outputs: usize) -> Result<Vec<Tree>, String> {
    let lists = Lists::read(node)?;
    // Trees in the order of their first node; nodes by (tree, id).
    let mut index = NodeIndex { trees: HashMap::new(), nodes: HashMap::with_capacity(lists.len()) };
    let (mut nodes, mut rows): (Vec<Vec<Node>>, Vec<Vec<usize>>) = (Vec::new(), Vec::new());
    for row in 0..lists.len() {
        let tree = *index.trees.entry(lists.tree[row]).or_insert_with(|| {
            nodes.push(Vec::new());
            rows.push(Vec::new());
            nodes.len() - 1
        });
        if index.nodes.insert((tree, lists.id[row]), nodes[tree].len()).is_some() {
            return Err(format!("node {} of tree {} stands twice", lists.id[row], lists.tree[row]));
        }
        nodes[tree].push(lists.node(row)?);
        rows[tree].push(row);
    }
    let mut trees = Vec::with_capacity(nodes.len());
    for (at, (nodes, rows)) in nodes.into_iter().zip(&rows).enumerate() {
        trees.push(link(nodes, at, rows, &lists, &index.nodes)?);
    }
    votes(node, leaf, outputs, &index, &mut trees)?;
    Ok(trees)
}

/// Where the nodes of the file stand.
struct NodeIndex {
    /// By the number that a tree has in the file.
    trees: HashMap<i64, usize>,
    /// By tree and the number that a node has in it.
    nodes: HashMap<(usize, i64), usize>,
}

impl NodeIndex {
    /// The tree and the node of these numbers.
    fn find(&self, tree: i64, node: i64) -> Option<(usize, usize)> {
        let tree = *self.trees.get(&tree)?;
        Some((tree, *self.nodes.get(&(tree, node))?))
    }
}

/// The parallel lists of node attributes.
struct Lists<'a> {
    tree: &'a [i64],
    id: &'a [i64],
    feature: &'a [i64],
    threshold: Cow<'a, [f64]>,
    mode: &'a [String],
    yes: &'a [i64],
    no: &'a [i64],
    missing: &'a [i64],
    cover: Cow<'a, [f64]>,
}

impl<'a> Lists<'a> {
    fn read(node: &Attributes<'a>) -> Result<Self, String> {
        let lists = Self {
            tree: node.ints("nodes_treeids")?,
            id: node.ints("nodes_nodeids")?,
            feature: node.ints("nodes_featureids")?,
            threshold: node.numbers("nodes_values")?,
            mode: node.texts("nodes_modes")?,
            yes: node.ints("nodes_truenodeids")?,
            no: node.ints("nodes_falsenodeids")?,
            missing: node.ints("nodes_missing_value_tracks_true")?,
            cover: node.numbers("nodes_hitrates")?,
        };
        let sizes = [
            lists.id.len(),
            lists.feature.len(),
            lists.threshold.len(),
            lists.mode.len(),
            lists.yes.len(),
            lists.no.len(),
        ];
        let missing_fits = lists.missing.is_empty() || lists.missing.len() == lists.len();
        if sizes.iter().all(|&size| size == lists.len()) && missing_fits {
            Ok(lists)
        } else {
            Err(format!("the lists of {} nodes have unlike lengths", lists.len()))
        }
    }

    fn len(&self) -> usize {
        self.tree.len()
    }

    fn node(&self, row: usize) -> Result<Node, String> {
        let mode = match self.mode[row].as_str() {
            "BRANCH_LEQ" => Mode::LessOrEqual,
            "BRANCH_LT" => Mode::Less,
            "BRANCH_GTE" => Mode::GreaterOrEqual,
            "BRANCH_GT" => Mode::Greater,
            "BRANCH_EQ" => Mode::Equal,
            "BRANCH_NEQ" => Mode::NotEqual,
            "LEAF" => Mode::Leaf,
            other => return Err(format!("node mode {other} does not exist")),
        };
        let feature = match mode {
            Mode::Leaf => 0,
            _ => usize::try_from(self.feature[row])
                .ok()
                .filter(|&feature| feature < 1 << 30)
                .ok_or_else(|| format!("feature {} is out of range", self.feature[row]))?,
        };
        let missing_is_yes = self.missing.get(row).is_some_and(|&flag| flag != 0);
        let threshold = self.threshold[row];
        if mode != Mode::Leaf && threshold.is_nan() {
            return Err("a threshold is NaN".into());
        }
        // Answers do not need covers: a list of another length counts as none.
        let cover = if self.cover.len() == self.len() { self.cover[row] as f32 } else { 0.0 };
        Ok(Node { mode, feature, threshold, yes: 0, no: 0, missing_is_yes, votes: Vec::new(), cover })
    }
}

/// Resolves the children of one tree and checks that every walk from its one root ends.
fn link(
    mut nodes: Vec<Node>,
    at: usize,
    rows: &[usize],
    lists: &Lists<'_>,
    index_of: &HashMap<(usize, i64), usize>,
) -> Result<Tree, String> {
    let name = lists.tree[rows[0]];
    for (node, &row) in nodes.iter_mut().zip(rows).filter(|(node, _)| node.mode != Mode::Leaf) {
        let child = |id: i64| index_of.get(&(at, id)).copied().ok_or_else(|| format!("tree {name} has no node {id}"));
        (node.yes, node.no) = (child(lists.yes[row])?, child(lists.no[row])?);
    }
    Tree::new(nodes, Vec::new()).map_err(|reason| format!("tree {name} {reason}"))
}

fn votes(
    node: &Attributes<'_>,
    leaf: &LeafNames,
    outputs: usize,
    index: &NodeIndex,
    trees: &mut [Tree],
) -> Result<(), String> {
    let list = |name: &str| format!("{}_{name}", leaf.prefix);
    let (tree_ids, node_ids) = (node.ints(&list("treeids"))?, node.ints(&list("nodeids"))?);
    let (targets, weights) = (node.ints(leaf.outputs)?, node.numbers(&list("weights"))?);
    if [node_ids.len(), targets.len(), weights.len()].iter().any(|&size| size != tree_ids.len()) {
        return Err("the lists of leaf weights have unlike lengths".into());
    }
    for row in 0..tree_ids.len() {
        let found = index.find(tree_ids[row], node_ids[row]);
        let (tree, at) =
            found.ok_or_else(|| format!("a weight names node {} of tree {}", node_ids[row], tree_ids[row]))?;
        let target = usize::try_from(targets[row]).ok().filter(|&target| target < outputs);
        let target = target.ok_or_else(|| format!("a weight names output {} of {outputs}", targets[row]))?;
        let node = &mut trees[tree].nodes[at];
        if node.mode != Mode::Leaf {
            return Err(format!("node {} of tree {} has a weight but is no leaf", node_ids[row], tree_ids[row]));
        }
        node.votes.push((target as u32, weights[row]));
    }
    Ok(())
}
