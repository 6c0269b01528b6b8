//! Which input each column of a value in the graph comes from.
//!
//! Invariants: a column that could depend on more than one input is never called one input's.

use crate::{
    graph::{Graph, Step},
    ops::OperatorStructure,
};

/// Where the columns of a value come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Origins {
    /// No row changes them.
    Nowhere,
    /// All from one input, however many they are.
    One(u32),
    /// Each from its own; `None` where several inputs meet.
    Each(Vec<Option<u32>>),
}

impl Origins {
    /// By column, for a value of `width` columns.
    fn columns(&self, width: Option<usize>) -> Option<Vec<Option<u32>>> {
        match self {
            Origins::Nowhere => Some(vec![None; width?]),
            Origins::One(input) => Some(vec![Some(*input); width?]),
            Origins::Each(columns) => Some(columns.clone()),
        }
    }

    /// The input of each of `width` columns, or why they cannot be separated.
    pub fn separate(&self, width: usize) -> Result<Vec<u32>, String> {
        let columns = self.columns(Some(width)).filter(|columns| columns.len() >= width);
        let columns = columns.and_then(|columns| columns.into_iter().take(width).collect::<Option<Vec<u32>>>());
        columns.ok_or_else(|| "several inputs meet in one column before the learner".into())
    }
}

/// By slot, where it is known. `widths` are the columns of each slot's value, `inputs` the numbers of columns of the
/// graph's inputs.
pub(crate) fn origins(graph: &Graph, inputs: &[usize], widths: &[Option<usize>]) -> Vec<Origins> {
    let mut all = vec![Origins::Nowhere; graph.slots()];
    let mut next = 0;
    for (slot, width) in graph.inputs().iter().zip(inputs) {
        let columns = (next..next + *width as u32).map(Some).collect();
        all[*slot] = if *width == 1 { Origins::One(next) } else { Origins::Each(columns) };
        next += *width as u32;
    }
    for step in graph.steps() {
        for slot in step.outputs.iter().flatten() {
            all[*slot] = after(graph, step, &all, widths, widths[*slot]);
        }
    }
    all
}

fn after(graph: &Graph, step: &Step, all: &[Origins], widths: &[Option<usize>], width: Option<usize>) -> Origins {
    let read: Vec<usize> = step.inputs.iter().copied().flatten().collect();
    let mut single: Option<u32> = None;
    let mut is_single = true;
    for slot in &read {
        match &all[*slot] {
            Origins::Nowhere => {}
            Origins::One(input) => is_single &= *single.get_or_insert(*input) == *input,
            Origins::Each(_) => is_single = false,
        }
    }
    match (is_single, single) {
        (true, None) => Origins::Nowhere,
        (true, Some(input)) => Origins::One(input),
        (false, _) => Origins::Each(each(graph, step, &read, all, widths, width)),
    }
}

fn each(
    graph: &Graph,
    step: &Step,
    read: &[usize],
    all: &[Origins],
    widths: &[Option<usize>],
    width: Option<usize>,
) -> Vec<Option<u32>> {
    let width = width.unwrap_or(0);
    let columns = |slot: usize| all[slot].columns(widths[slot]);
    let made = match step.operator.structure() {
        OperatorStructure::ByColumn | OperatorStructure::Sum | OperatorStructure::Same => {
            by_column(read, all, widths, width)
        }
        OperatorStructure::Joined => {
            read.iter().map(|slot| columns(*slot)).collect::<Option<Vec<_>>>().map(|parts| parts.concat())
        }
        OperatorStructure::Picked => picked(graph, read, columns),
        // A change of shape that keeps the columns.
        OperatorStructure::Reshaped => read.first().and_then(|slot| columns(*slot)),
        _ => None,
    };
    made.filter(|columns| columns.len() == width).unwrap_or_else(|| vec![None; width])
}

fn by_column(read: &[usize], all: &[Origins], widths: &[Option<usize>], width: usize) -> Option<Vec<Option<u32>>> {
    let mut made: Option<Vec<Option<u32>>> = None;
    for slot in read.iter().filter(|slot| all[**slot] != Origins::Nowhere) {
        let columns = all[*slot].columns(widths[*slot])?;
        let column = |at: usize| if columns.len() == 1 { columns[0] } else { columns.get(at).copied().flatten() };
        made = Some(match made {
            None => (0..width).map(column).collect(),
            Some(before) => {
                before.iter().enumerate().map(|(at, &known)| known.filter(|_| known == column(at))).collect()
            }
        });
    }
    made
}

fn picked(
    graph: &Graph,
    read: &[usize],
    columns: impl Fn(usize) -> Option<Vec<Option<u32>>>,
) -> Option<Vec<Option<u32>>> {
    let &[from, picks] = read else { return None };
    let (from, picks) = (columns(from)?, graph.constant(picks)?.ints().ok()?);
    let pick = |&pick: &i64| {
        let at = if pick < 0 { pick + from.len() as i64 } else { pick };
        usize::try_from(at).ok().and_then(|at| from.get(at).copied()).flatten()
    };
    Some(picks.data.iter().map(pick).collect())
}
