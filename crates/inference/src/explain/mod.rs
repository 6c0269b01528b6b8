//! Why a model answers what it answers: each raw score split between the columns of the table, exactly.
//!
//! What it is for: explanations of single answers, and the exact split of prediction drift between columns. Trees are
//! explained by their Shapley values ([`kilter_stats::explain`]), linear models by weight times distance from the mean.
//! What a graph makes of one column (flags, terms, parts of a date) is summed back to that column.
//!
//! Invariants: a row's attributions plus the base are its raw score (log-odds, or the value of a regression); a column
//! that could not be separated from another is an error, never a guess. Out of scope: sampling, and models that
//! are neither trees nor linear (permutation importance serves those).

mod attributions;

use std::{borrow::Cow, ops::Range, sync::Arc};

use kilter_domain::table::Table;
use kilter_stats::explain::{TreeBackground, TreeEnsemble};

use crate::{
    ensemble::{Ensemble, Scorer},
    error::{ExplainError, PredictError},
    estimator::{
        self, Learner, Term,
        lineage::{Origins, origins},
        prepared::{Prepared, Scores},
    },
    graph::BLOCK_ROWS,
    input,
    model::{Model, Runtime},
    onnx_model::OnnxModel,
    signature::Task,
    tensor::{Tensor, Value},
};

pub use attributions::{Attributions, ColumnShift};

/// Why a model that something else answers is not explained.
const OPAQUE: &str = "it runs outside of Kilter, which does not see its parts";

/// Rows that are explained at once: patterns of leaves are shared among them.
const EXPLAINED_ROWS: usize = 16 * BLOCK_ROWS;

/// What attributions of one model are measured against. Made by [`Model::background`], kept as long as the model.
#[derive(Clone, Debug)]
pub struct Background(Against);

impl Background {
    /// The memory that it takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        match &self.0 {
            Against::Training => 0,
            Against::Trees(trees) => trees.iter().map(TreeBackground::memory_bytes).sum(),
            Against::Means(means) => means.capacity() * size_of::<f64>(),
        }
    }
}

#[derive(Clone, Debug)]
enum Against {
    Training,
    /// Background rows as the leaves of each ensemble see them.
    Trees(Vec<TreeBackground>),
    /// What each column contributes to each score of a linear model in the mean: columns x outputs.
    Means(Vec<f64>),
}

/// A model, ready to explain its answers. Made by [`Model::explainer`] or [`Model::explainer_against`].
#[derive(Debug)]
pub struct Explainer<'m> {
    model: &'m Model,
    prepared: Arc<Prepared>,
    against: Cow<'m, Against>,
}

impl Model {
    /// The attributions of the rows of `table` against the model's training rows, as the file remembers them (weights of
    /// the nodes of trees, mean contributions of a linear model): `shap`'s path-dependent and linear explanations. What
    /// the raw score is, says [`Attributions`].
    pub fn explain(&self, table: &Table) -> Result<Attributions, ExplainError> {
        self.explainer()?.explain(table)
    }

    /// Explains against the training rows. Cheap after the first time.
    pub fn explainer(&self) -> Result<Explainer<'_>, ExplainError> {
        let prepared = self.prepared()?;
        match prepared.gap {
            None => Ok(Explainer { model: self, prepared, against: Cow::Owned(Against::Training) }),
            Some(gap) => Err(ExplainError::NoTraining(gap)),
        }
    }

    /// Explains against the rows of `background`: a column left out takes its values from them (interventional Shapley
    /// values). Cost of trees grows with the background: a few hundred rows say enough.
    pub fn explainer_against(&self, background: &Table) -> Result<Explainer<'_>, ExplainError> {
        let Background(against) = self.background(background)?;
        Ok(Explainer { model: self, prepared: self.prepared()?, against: Cow::Owned(against) })
    }

    /// The rows of `table` as what attributions are measured against, read once for many explanations.
    pub fn background(&self, table: &Table) -> Result<Background, ExplainError> {
        if table.rows() == 0 {
            return Err(ExplainError::NoBackground);
        }
        let explainer = Explainer { model: self, prepared: self.prepared()?, against: Cow::Owned(Against::Training) };
        explainer.background(table).map(Background)
    }

    /// As [`Model::explainer_against`], with a background of this model that was read already.
    pub fn explainer_with<'m>(&'m self, background: &'m Background) -> Result<Explainer<'m>, ExplainError> {
        Ok(Explainer { model: self, prepared: self.prepared()?, against: Cow::Borrowed(&background.0) })
    }

    fn prepared(&self) -> Result<Arc<Prepared>, ExplainError> {
        self.explanation.get_or_init(|| Prepared::of(self).map(Arc::new)).clone()
    }
}

impl Prepared {
    fn of(model: &Model) -> Result<Self, ExplainError> {
        let learner = match &model.runtime {
            Runtime::Onnx(onnx) => estimator::find(&onnx.graph, onnx.graph.output(onnx.outputs.numbers)),
            Runtime::Ensemble(ensemble) => Ok(of_ensemble(ensemble)),
            Runtime::External(_) => Err(OPAQUE.to_owned()),
        };
        let (scores, gap) = match learner.map_err(ExplainError::Opaque)? {
            Learner::Linear { terms, intercepts } => {
                let gap = model.baseline.is_none().then_some("what each column contributes in the mean");
                (Scores::Linear { terms, intercepts }, gap)
            }
            Learner::Forest { forest, divisor, base, is_merged, features } => {
                let has_covers = forest.has_covers();
                let mut trees = forest.by_output(has_covers).map_err(ExplainError::Opaque)?;
                if is_merged {
                    trees = vec![trees.into_iter().flatten().collect()];
                }
                let mut ensembles = Vec::with_capacity(trees.len());
                for (output, mut trees) in trees.into_iter().enumerate() {
                    trees.iter_mut().for_each(|nodes| scale(nodes, divisor));
                    let base = base.get(output).copied().unwrap_or(0.0);
                    // Trees that ask for nothing still need a column to speak of.
                    ensembles.push(TreeEnsemble::new(trees, false, base, forest.width().max(1))?);
                }
                let gap = (!has_covers).then_some("how many training rows came by each node of its trees");
                (Scores::Trees { slot: features, width: forest.width(), ensembles }, gap)
            }
        };
        Self { scores, outputs: Vec::new(), gap }.named(model)
    }

    /// With the names of the scores. Of two scores of a binary model the positive class's is kept.
    fn named(mut self, model: &Model) -> Result<Self, ExplainError> {
        let signature = model.signature();
        let names = match signature.task {
            Task::Regression => vec![signature.target.clone().unwrap_or_else(|| "value".to_owned())],
            Task::Binary => signature.classes[1..].to_vec(),
            Task::Multiclass => signature.classes.clone(),
        };
        let count = self.scores.count();
        if signature.task == Task::Binary && count == 2 {
            self.scores.keep_second();
        } else if count != names.len() {
            return Err(ExplainError::Opaque(format!("its {count} scores do not fit {} answers", names.len())));
        }
        self.outputs = names;
        Ok(self)
    }
}

/// The learner of an ensemble; its one slot is the matrix of its columns.
fn of_ensemble(ensemble: &Ensemble) -> Learner<'_> {
    match &ensemble.scorer {
        Scorer::Forest(forest) => {
            let (divisor, base) = (ensemble.divisor, ensemble.base.clone());
            Learner::Forest { forest, divisor, base, is_merged: false, features: 0 }
        }
        Scorer::Linear { weights } => {
            let term = Term { slot: 0, weights: weights.clone(), outputs: ensemble.base.len() };
            Learner::Linear { terms: vec![term], intercepts: ensemble.base.clone() }
        }
    }
}

fn scale(nodes: &mut [kilter_stats::explain::TreeNode], divisor: f64) {
    for node in nodes {
        if let kilter_stats::explain::TreeNode::Leaf { value, .. } = node {
            *value /= divisor;
        }
    }
}

impl Scores {
    fn count(&self) -> usize {
        match self {
            Scores::Trees { ensembles, .. } => ensembles.len(),
            Scores::Linear { intercepts, .. } => intercepts.len(),
        }
    }

    fn keep_second(&mut self) {
        match self {
            Scores::Trees { ensembles, .. } => drop(ensembles.remove(0)),
            Scores::Linear { terms, intercepts } => {
                intercepts.remove(0);
                for term in terms {
                    term.weights = term.weights.iter().skip(1).step_by(2).copied().collect();
                    term.outputs = 1;
                }
            }
        }
    }
}

/// The values of some rows that a learner reads, and where their columns come from.
struct Read {
    /// By learner slot: one value a block of rows.
    values: Vec<Vec<Value>>,
    origins: Vec<Origins>,
}

impl Explainer<'_> {
    /// The attributions of all rows of `table`. They take `8 x rows x scores x columns` bytes: hand in large tables in
    /// parts.
    pub fn explain(&self, table: &Table) -> Result<Attributions, ExplainError> {
        let signature = self.model.signature();
        let columns = signature.inputs.iter().map(|input| input.name.clone()).collect();
        let mut made = Attributions::new(columns, self.prepared.outputs.clone(), self.base());
        self.read(table, 0..0)?;
        for start in (0..table.rows()).step_by(EXPLAINED_ROWS) {
            let rows = start..table.rows().min(start + EXPLAINED_ROWS);
            let read = self.read(table, rows.clone())?;
            match &self.prepared.scores {
                Scores::Trees { width, ensembles, .. } => self.trees(&read, *width, ensembles, &mut made)?,
                Scores::Linear { terms, intercepts } => self.linear(&read, terms, intercepts, rows.len(), &mut made)?,
            }
        }
        Ok(made)
    }

    /// What every row starts from, by score.
    fn base(&self) -> Vec<f64> {
        match (&self.prepared.scores, &*self.against) {
            (Scores::Trees { .. }, Against::Trees(backgrounds)) => {
                backgrounds.iter().map(TreeBackground::base).collect()
            }
            (Scores::Trees { ensembles, .. }, _) => ensembles.iter().map(TreeEnsemble::mean).collect(),
            (Scores::Linear { intercepts, .. }, _) => {
                let means = self.means();
                let mean = |output: usize| means.iter().skip(output).step_by(intercepts.len()).sum::<f64>();
                intercepts.iter().enumerate().map(|(output, intercept)| intercept + mean(output)).collect()
            }
        }
    }

    fn means(&self) -> &[f64] {
        match (&*self.against, &self.model.baseline) {
            (Against::Means(means), _) => means,
            (_, Some(baseline)) => baseline,
            _ => &[],
        }
    }

    fn background(&self, table: &Table) -> Result<Against, ExplainError> {
        let columns = self.model.signature().inputs.len();
        match &self.prepared.scores {
            Scores::Trees { width, ensembles, .. } => {
                let read = self.read(table, 0..table.rows())?;
                let rows = features(&read.values[0], *width)?;
                let of = |ensemble: &TreeEnsemble| ensemble.background(&rows);
                Ok(Against::Trees(ensembles.iter().map(of).collect::<Result<_, _>>()?))
            }
            Scores::Linear { terms, intercepts } => {
                let mut sums = vec![0.0; columns * intercepts.len()];
                for start in (0..table.rows()).step_by(EXPLAINED_ROWS) {
                    let rows = start..table.rows().min(start + EXPLAINED_ROWS);
                    let read = self.read(table, rows)?;
                    each_contribution(&read, terms, |_, column, output, part| {
                        sums[column * intercepts.len() + output] += part;
                    })?;
                }
                Ok(Against::Means(sums.into_iter().map(|sum| sum / table.rows() as f64).collect()))
            }
        }
    }

    /// What the learner reads of `rows`.
    fn read(&self, table: &Table, rows: Range<usize>) -> Result<Read, ExplainError> {
        match &self.model.runtime {
            Runtime::Onnx(onnx) => self.read_graph(onnx, table, rows),
            Runtime::Ensemble(ensemble) => self.read_columns(ensemble, table, rows),
            Runtime::External(_) => Err(ExplainError::Opaque(OPAQUE.to_owned())),
        }
    }

    /// The columns of an ensemble are its features.
    fn read_columns(&self, ensemble: &Ensemble, table: &Table, rows: Range<usize>) -> Result<Read, ExplainError> {
        let (inputs, width) = (&self.model.signature().inputs, ensemble.width());
        let failed = |reason| PredictError::Node { node: "the features".into(), reason };
        let mut values = Vec::new();
        // Without rows the columns are checked although there is nothing to explain.
        ensemble.values(inputs, table, 0..0)?;
        for start in rows.clone().step_by(ensemble.block_rows()) {
            let block = start..rows.end.min(start + ensemble.block_rows());
            let dims = [block.len(), width];
            let tensor = Tensor::new(&dims, ensemble.values(inputs, table, block)?).map_err(failed)?;
            values.push(Value::Double(tensor));
        }
        let columns = (0..width as u32).map(Some).collect();
        Ok(Read { values: vec![values], origins: vec![Origins::Each(columns)] })
    }

    /// Runs the graph over `rows` and keeps what the learner reads.
    fn read_graph(&self, onnx: &OnnxModel, table: &Table, rows: Range<usize>) -> Result<Read, ExplainError> {
        let (model, inputs) = (self.model, &self.model.signature().inputs);
        let wanted: Vec<usize> = match &self.prepared.scores {
            Scores::Trees { slot, .. } => vec![*slot],
            Scores::Linear { terms, .. } => terms.iter().map(|term| term.slot).collect(),
        };
        let mut values = vec![Vec::new(); wanted.len()];
        let mut widths = vec![None; onnx.graph.slots()];
        let mut start = rows.start;
        if rows.is_empty() {
            // The columns are checked although there is nothing to explain.
            onnx.check(inputs, table)?;
        }
        let block = model.block_rows(table);
        while start < rows.end {
            let end = rows.end.min(start + block);
            let given = input::values(&onnx.slots, inputs, table, start..end)?;
            onnx.graph.watch(given, &mut |slot, value| {
                widths[slot] = value.shape().map(|shape| shape.matrix().1);
                for (at, _) in wanted.iter().enumerate().filter(|(_, wanted)| **wanted == slot) {
                    values[at].push(value.clone());
                }
            })?;
            start = end;
        }
        let columns: Vec<usize> = onnx.slots.iter().map(|slot| slot.width).collect();
        let all = origins(&onnx.graph, &columns, &widths);
        Ok(Read { values, origins: wanted.iter().map(|slot| all[*slot].clone()).collect() })
    }

    fn trees(
        &self,
        read: &Read,
        width: usize,
        ensembles: &[TreeEnsemble],
        made: &mut Attributions,
    ) -> Result<(), ExplainError> {
        let features = features(&read.values[0], width)?;
        let origin = read.origins[0].separate(width).map_err(ExplainError::Opaque)?;
        let mut parts = Vec::with_capacity(ensembles.len());
        for (at, ensemble) in ensembles.iter().enumerate() {
            let attribution = match &*self.against {
                Against::Trees(backgrounds) => ensemble.interventional(&features, &backgrounds[at])?,
                _ => ensemble.path_dependent(&features)?,
            };
            parts.push((attribution.values, ensemble.predict(&features)?));
        }
        for row in 0..parts.first().map_or(0, |part| part.1.len()) {
            let mut line = made.add_row(parts.iter().map(|part| part.1[row]));
            for (output, (values, _)) in parts.iter().enumerate() {
                let values = &values[row * width.max(1)..][..width];
                origin.iter().zip(values).for_each(|(column, value)| line.add(output, *column as usize, *value));
            }
        }
        Ok(())
    }

    fn linear(
        &self,
        read: &Read,
        terms: &[Term],
        intercepts: &[f64],
        rows: usize,
        made: &mut Attributions,
    ) -> Result<(), ExplainError> {
        let outputs = intercepts.len();
        let columns = self.model.signature().inputs.len();
        let mut contributions = vec![0.0; rows * columns * outputs];
        each_contribution(read, terms, |row, column, output, part| {
            contributions[(row * columns + column) * outputs + output] += part;
        })?;
        let means = self.means();
        for line in contributions.chunks_exact(columns * outputs) {
            let score = |output: usize| line.iter().skip(output).step_by(outputs).sum::<f64>() + intercepts[output];
            let mut added = made.add_row((0..outputs).map(score));
            for (at, (part, mean)) in line.iter().zip(means).enumerate() {
                added.add(at % outputs, at / outputs, part - mean);
            }
        }
        Ok(())
    }
}

/// The first `width` columns of all blocks, row-major; one column where the trees ask for none.
fn features(blocks: &[Value], width: usize) -> Result<Vec<f64>, ExplainError> {
    let mut features = Vec::new();
    let failed = |reason: String| ExplainError::Predict(PredictError::Node { node: "the features".into(), reason });
    for block in blocks {
        let tensor = block.doubles().map_err(failed)?;
        let (rows, columns) = tensor.shape.matrix();
        if columns < width {
            return Err(failed(format!("the trees read {width} columns, the rows have {columns}")));
        }
        for row in 0..rows {
            features.extend_from_slice(&tensor.data[row * columns..][..width]);
            if width == 0 {
                features.push(0.0);
            }
        }
    }
    Ok(features)
}

/// Calls `see(row, column of the table, score, weight x value)` for every value that is not zero.
fn each_contribution(
    read: &Read,
    terms: &[Term],
    mut see: impl FnMut(usize, usize, usize, f64),
) -> Result<(), ExplainError> {
    let failed = |reason: String| ExplainError::Predict(PredictError::Node { node: "the features".into(), reason });
    for ((term, blocks), origins) in terms.iter().zip(&read.values).zip(&read.origins) {
        let width = term.weights.len() / term.outputs;
        let origin = origins.separate(width).map_err(ExplainError::Opaque)?;
        let mut start = 0;
        let mut one = |row: usize, at: usize, value: f64| {
            let weights = &term.weights[at * term.outputs..][..term.outputs];
            let column = origin[at] as usize;
            weights.iter().enumerate().for_each(|(output, w)| see(row, column, output, w * value));
        };
        for block in blocks {
            if let Value::Sparse(matrix) = block {
                for row in 0..matrix.rows() {
                    let entries = matrix.row(row).iter().filter(|(at, _)| (*at as usize) < width);
                    entries.for_each(|&(at, value)| one(start + row, at as usize, f64::from(value)));
                }
                start += matrix.rows();
                continue;
            }
            let tensor = block.doubles().map_err(failed)?;
            let (rows, columns) = tensor.shape.matrix();
            if columns != width {
                return Err(failed(format!("{width} weights do not fit {columns} columns")));
            }
            for (at, &value) in tensor.data.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                one(start + at / width, at % width, value);
            }
            start += rows;
        }
    }
    Ok(())
}
