//! One tree: grown best leaf first, by workers that each look after some columns.

use std::sync::{
    Arc,
    mpsc::{Receiver, Sender, channel},
};

use super::{
    bins::{Column, MISSING},
    histogram::{Gradient, LeafRows, Limits, Split, Sums, Worker},
};

/// A grown tree; node 0 is the root.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tree {
    pub nodes: Vec<Node>,
    /// Training rows that came by each node.
    pub rows: Vec<u64>,
}

/// A node of a grown tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Branch {
        column: usize,
        /// `x <= threshold` goes left.
        threshold: f32,
        bin: u8,
        missing_left: bool,
        left: usize,
        right: usize,
    },
    Leaf(f32),
}

/// How a tree is grown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    pub max_leaves: usize,
    pub max_depth: usize,
    pub learning_rate: f64,
    pub limits: Limits,
}

/// A grown tree and what it says of the training rows.
pub(super) struct GrownTree {
    pub tree: Tree,
    /// Each leaf's value and its rows.
    pub leaves: Vec<(f32, Vec<u32>)>,
    /// Column and gain of each split.
    pub gains: Vec<(usize, f64)>,
}

/// What a worker is asked.
enum WorkerRequest {
    Begin { rows: LeafRows, total: Sums },
    Part { parent: usize, small: LeafRows, small_is_left: bool, sums: [Sums; 2] },
}

/// The questions to a worker in another thread, and its answers.
type Line = (Sender<WorkerRequest>, Receiver<[Option<Split>; 2]>);

/// Grows trees over the same columns. The calling thread is one of the workers.
pub(super) struct Grower<'a> {
    columns: &'a [Column],
    growth: Growth,
    mine: Worker<'a>,
    others: Vec<Line>,
}

/// A leaf that may still be parted.
struct Open {
    node: usize,
    depth: usize,
    rows: Vec<u32>,
    sums: Sums,
    split: Option<Split>,
}

impl<'a> Grower<'a> {
    /// Starts `threads - 1` workers in `scope`; they end when the grower is dropped.
    pub fn start<'scope>(
        scope: &'scope std::thread::Scope<'scope, '_>,
        columns: &'a [Column],
        growth: Growth,
        threads: usize,
    ) -> Self
    where
        'a: 'scope,
    {
        let threads = threads.clamp(1, columns.len().max(1));
        let bound = |at: usize| at * columns.len() / threads;
        let worker = |at: usize| Worker::new(columns, bound(at)..bound(at + 1), growth.limits);
        let others = (1..threads).map(|at| {
            let mut worker = worker(at);
            let (ask, asked) = channel::<WorkerRequest>();
            let (answer, answered) = channel();
            scope.spawn(move || {
                while let Ok(question) = asked.recv() {
                    if answer.send(answer_to(&mut worker, &question)).is_err() {
                        return;
                    }
                }
            });
            (ask, answered)
        });
        Self { columns, growth, others: others.collect(), mine: worker(0) }
    }

    /// Grows one tree on `rows`; `gradients` are those of all rows.
    pub fn grow(&mut self, rows: &[u32], gradients: &[Gradient]) -> GrownTree {
        let mut total = Sums::default();
        rows.iter().for_each(|&row| total.add(gradients[row as usize]));
        let leaf = leaf_rows(rows, gradients);
        let [split, _] = self.ask(WorkerRequest::Begin { rows: leaf, total });
        let mut tree = Tree { nodes: vec![Node::Leaf(0.0)], rows: vec![total.rows] };
        let mut gains = Vec::new();
        let mut open = vec![Open { node: 0, depth: 0, rows: rows.to_vec(), sums: total, split }];
        while open.len() < self.growth.max_leaves {
            let Some((at, split)) = best_leaf(&open) else { break };
            gains.push((split.column, split.gain));
            self.part(&mut open, at, split, &mut tree, gradients);
        }
        let leaves = open.into_iter().map(|leaf| {
            let value = self.value(leaf.sums);
            tree.nodes[leaf.node] = Node::Leaf(value);
            (value, leaf.rows)
        });
        GrownTree { leaves: leaves.collect(), tree, gains }
    }

    fn part(&mut self, open: &mut Vec<Open>, at: usize, split: Split, tree: &mut Tree, gradients: &[Gradient]) {
        let column = &self.columns[split.column];
        let goes_left = |&row: &u32| match column.bins[row as usize] {
            MISSING => split.missing_left,
            bin => bin <= split.bin,
        };
        let (left, right): (Vec<u32>, Vec<u32>) = std::mem::take(&mut open[at].rows).into_iter().partition(goes_left);
        let (depth, node) = (open[at].depth + 1, open[at].node);
        let (left_node, right_node) = (tree.nodes.len(), tree.nodes.len() + 1);
        tree.nodes.extend([Node::Leaf(0.0), Node::Leaf(0.0)]);
        tree.rows.extend([split.left.rows, split.right.rows]);
        tree.nodes[node] = Node::Branch {
            column: split.column,
            // Behind the last bin lie only missing values.
            threshold: column.cuts.get(usize::from(split.bin)).copied().unwrap_or(f32::INFINITY),
            bin: split.bin,
            missing_left: split.missing_left,
            left: left_node,
            right: right_node,
        };
        let is_last = open.len() + 1 >= self.growth.max_leaves || depth >= self.growth.max_depth;
        let small_is_left = left.len() <= right.len();
        let splits = match is_last && open.len() + 1 >= self.growth.max_leaves {
            // The tree is full: nobody will ask for these splits.
            true => [None, None],
            false => {
                let small = leaf_rows(if small_is_left { &left } else { &right }, gradients);
                self.ask(WorkerRequest::Part { parent: at, small, small_is_left, sums: [split.left, split.right] })
            }
        };
        let [left_split, right_split] = if is_last { [None, None] } else { splits };
        open[at] = Open { node: left_node, depth, rows: left, sums: split.left, split: left_split };
        open.push(Open { node: right_node, depth, rows: right, sums: split.right, split: right_split });
    }

    /// Asks all workers and takes the best of their answers: the largest gain, of equals the first column.
    fn ask(&mut self, question: WorkerRequest) -> [Option<Split>; 2] {
        for (ask, _) in &self.others {
            ask.send(question.shared()).expect("a worker lives as long as its grower");
        }
        let mut best = answer_to(&mut self.mine, &question);
        for (_, answered) in &self.others {
            let other = answered.recv().expect("a worker answers every question");
            for (best, other) in best.iter_mut().zip(other) {
                let is_better = match (&best, &other) {
                    (_, None) => false,
                    (None, Some(_)) => true,
                    (Some(best), Some(other)) => other.gain > best.gain,
                };
                if is_better {
                    *best = other;
                }
            }
        }
        best
    }

    fn value(&self, sums: Sums) -> f32 {
        let weight = sums.curve + self.growth.limits.l2;
        if weight > 0.0 { (-self.growth.learning_rate * sums.slope / weight) as f32 } else { 0.0 }
    }
}

impl WorkerRequest {
    /// The same question; rows are shared, not copied.
    fn shared(&self) -> Self {
        match self {
            Self::Begin { rows, total } => Self::Begin { rows: rows.clone(), total: *total },
            Self::Part { parent, small, small_is_left, sums } => {
                Self::Part { parent: *parent, small: small.clone(), small_is_left: *small_is_left, sums: *sums }
            }
        }
    }
}

fn answer_to(worker: &mut Worker<'_>, question: &WorkerRequest) -> [Option<Split>; 2] {
    match question {
        WorkerRequest::Begin { rows, total } => [worker.begin(rows, *total), None],
        WorkerRequest::Part { parent, small, small_is_left, sums } => {
            worker.part(*parent, small, *small_is_left, *sums)
        }
    }
}

fn leaf_rows(rows: &[u32], gradients: &[Gradient]) -> LeafRows {
    LeafRows {
        rows: Arc::new(rows.to_vec()),
        gradients: Arc::new(rows.iter().map(|&row| gradients[row as usize]).collect()),
    }
}

/// The leaf whose split gains most; of equals the oldest.
fn best_leaf(open: &[Open]) -> Option<(usize, Split)> {
    let mut best: Option<(usize, Split)> = None;
    for (at, leaf) in open.iter().enumerate() {
        if let Some(split) = leaf.split
            && best.as_ref().is_none_or(|(_, best)| split.gain > best.gain)
        {
            best = Some((at, split));
        }
    }
    best
}

/// What a tree says of a row given in bins.
pub(super) fn walk(tree: &Tree, columns: &[Column], row: usize) -> f32 {
    let mut at = 0;
    loop {
        match tree.nodes[at] {
            Node::Leaf(value) => return value,
            Node::Branch { column, bin, missing_left, left, right, .. } => {
                let goes_left = match columns[column].bins[row] {
                    MISSING => missing_left,
                    here => here <= bin,
                };
                at = if goes_left { left } else { right };
            }
        }
    }
}
