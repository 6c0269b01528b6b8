//! One tree of a file.

use std::{collections::HashMap, iter::Peekable, str::FromStr, sync::Arc};

use super::text::{FORMAT, shown};
use crate::{
    error::LoadError,
    formats::native::{broken, unsupported},
    trees::{Mode, Node, Test, Tree},
};

/// Bits of a decision: whether it is one of categories, whether missing values go left, and which values are missing.
const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;
const MISSING_ZERO: u8 = 1;
const MISSING_NAN: u8 = 2;
/// What LightGBM counts as zero.
const ZERO: f64 = 1e-35_f32 as f64;

/// Why a tree is not read.
pub(super) enum TreeError {
    Broken(String),
    Unsupported(String),
}

impl TreeError {
    pub fn of_tree(self, tree: usize) -> LoadError {
        match self {
            Self::Broken(reason) => broken(FORMAT, format!("tree {tree} {reason}")),
            Self::Unsupported(reason) => unsupported(FORMAT, format!("tree {tree} {reason}")),
        }
    }
}

impl From<String> for TreeError {
    fn from(reason: String) -> Self {
        Self::Broken(reason)
    }
}

/// The lines of a tree by their keys.
struct Lines<'t>(HashMap<&'t str, &'t str>);

impl<'t> Lines<'t> {
    fn take(lines: &mut Peekable<impl Iterator<Item = &'t str>>) -> Self {
        let mut found = HashMap::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("Tree=") && *line != "end of trees") {
            if let Some((key, value)) = line.split_once('=') {
                found.insert(key, value);
            }
        }
        Self(found)
    }

    /// The `count` entries of a list.
    fn list<T: FromStr>(&self, key: &str, count: usize) -> Result<Vec<T>, String> {
        let text = self.0.get(key).copied().unwrap_or_default();
        let read = |word: &str| word.parse::<T>().map_err(|_| format!("has `{}` in {key}", shown(word)));
        let list = text.split_ascii_whitespace().map(read).collect::<Result<Vec<T>, _>>()?;
        if list.len() == count { Ok(list) } else { Err(format!("has {} entries in {key}, not {count}", list.len())) }
    }

    fn number(&self, key: &str) -> Result<Option<usize>, String> {
        let read = |text: &&str| text.parse().map_err(|_| format!("has `{}` as its {key}", shown(text)));
        self.0.get(key).map(read).transpose()
    }
}

/// Reads the lines of a tree, up to the next one. All of its leaves add to `output`.
pub(super) fn read<'t>(lines: &mut Peekable<impl Iterator<Item = &'t str>>, output: u32) -> Result<Tree, TreeError> {
    let lines = Lines::take(lines);
    if lines.0.get("is_linear").is_some_and(|flag| flag.trim() != "0") {
        return Err(TreeError::Unsupported("has linear models in its leaves (`linear_tree`)".into()));
    }
    let leaves = lines.number("num_leaves")?.ok_or_else(|| "does not say how many leaves it has".to_owned())?;
    let splits = leaves.checked_sub(1).ok_or_else(|| "has no leaf".to_owned())?;
    let values: Vec<f64> = lines.list("leaf_value", leaves)?;
    if values.iter().any(|value| !value.is_finite()) {
        return Err("has a leaf that is no finite number".to_owned().into());
    }
    let counts = |key: &str, count: usize| lines.list::<f32>(key, count).unwrap_or_else(|_| vec![0.0; count]);
    // A lone leaf says no count; each row comes by.
    let leaf_counts = if leaves == 1 { vec![1.0] } else { counts("leaf_count", leaves) };
    let mut nodes = Vec::with_capacity(splits + leaves);
    let mut tests = Vec::new();
    let parts = Splits::read(&lines, splits)?;
    for (at, cover) in counts("internal_count", splits).into_iter().enumerate() {
        nodes.push(Node { cover, ..parts.node(at, &mut tests)? });
    }
    nodes.extend(values.iter().zip(leaf_counts).map(|(&value, cover)| Node::leaf(output, value, cover)));
    Ok(Tree::new(nodes, tests)?)
}

/// The lists of a tree, one entry per split.
struct Splits {
    features: Vec<usize>,
    thresholds: Vec<f64>,
    decisions: Vec<u8>,
    left: Vec<i64>,
    right: Vec<i64>,
    boundaries: Vec<usize>,
    words: Vec<u32>,
}

impl Splits {
    fn read(lines: &Lines<'_>, splits: usize) -> Result<Self, String> {
        let sets = lines.number("num_cat")?.unwrap_or(0);
        let boundaries: Vec<usize> = match sets {
            0 => vec![0],
            _ => lines.list("cat_boundaries", sets.saturating_add(1))?,
        };
        let words = boundaries.last().copied().unwrap_or(0);
        Ok(Self {
            features: lines.list("split_feature", splits)?,
            thresholds: lines.list("threshold", splits)?,
            decisions: lines.list("decision_type", splits)?,
            left: lines.list("left_child", splits)?,
            right: lines.list("right_child", splits)?,
            words: if sets == 0 { Vec::new() } else { lines.list("cat_threshold", words)? },
            boundaries,
        })
    }

    /// A split without its cover; a test that it asks is added to `tests`.
    fn node(&self, at: usize, tests: &mut Vec<Test>) -> Result<Node, String> {
        // Splits come first; what is negative is the complement of a leaf.
        let child = |child: i64| {
            let place = if child >= 0 { child } else { (!child).saturating_add(self.features.len() as i64) };
            usize::try_from(place).map_err(|_| format!("has no node {child}"))
        };
        let (threshold, decision) = (self.thresholds[at], self.decisions[at]);
        let feature = self.features[at];
        if feature >= 1 << 30 {
            return Err(format!("reads feature {feature}, which is out of range"));
        }
        let (yes, no) = (child(self.left[at])?, child(self.right[at])?);
        let node = |mode, missing_is_yes| Node {
            mode,
            feature,
            threshold,
            yes,
            no,
            missing_is_yes,
            votes: Vec::new(),
            cover: 0.0,
        };
        let mut test = |test: Test| {
            tests.push(test);
            Mode::Test(tests.len() as u32 - 1)
        };
        if decision & CATEGORICAL != 0 {
            let words = self.set(threshold)?;
            return Ok(node(test(Test::Member { words, missing_is_yes: false }), false));
        }
        if threshold.is_nan() {
            return Err("has a threshold that is no number".into());
        }
        let missing_is_yes = decision & DEFAULT_LEFT != 0;
        Ok(match decision >> 2 & 3 {
            MISSING_NAN => node(Mode::LessOrEqual, missing_is_yes),
            // Where zeros lie on the side of missing values they need no test of their own.
            MISSING_ZERO if missing_is_yes && threshold < ZERO || !missing_is_yes && threshold >= -ZERO => {
                node(test(Test::ZeroIsMissing { threshold, missing_is_yes }), missing_is_yes)
            }
            MISSING_ZERO => node(Mode::LessOrEqual, missing_is_yes),
            // A missing value counts as zero.
            0 => node(Mode::LessOrEqual, 0.0 <= threshold),
            other => return Err(format!("has an unknown kind of missing values, {other}")),
        })
    }

    /// The categories of the set whose number is in the place of a threshold.
    fn set(&self, number: f64) -> Result<Arc<[u32]>, String> {
        let known = |bounds: &[usize]| self.words.get(*bounds.first()?..*bounds.get(1)?);
        let at = if number >= 0.0 && number < self.boundaries.len() as f64 { number as usize } else { usize::MAX };
        let bounds = self.boundaries.get(at..).and_then(known);
        bounds.map(Arc::from).ok_or_else(|| format!("has no set {number} of categories"))
    }
}
