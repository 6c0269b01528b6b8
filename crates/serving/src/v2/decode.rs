//! Tensors to columns: which inputs there are, what each must hold, and the rows that come of a request.

use std::sync::Arc;

use kilter_domain::{
    nearest::nearest,
    table::{Column, ColumnNames, Table},
    time::Timestamp,
};
use kilter_inference::{Input, InputKind, Signature};

use super::{Datatype, ENTITY_INPUT, ID_INPUT, InputProblem, Limits, RESERVED, Request, TIME_INPUT, Tensor, V2Error};

/// The inputs that an endpoint takes: those of the versions it serves and those it only records.
#[derive(Clone, Debug, Default)]
pub struct KnownInputs {
    inputs: Vec<(String, InputKind)>,
    /// For each version, which of `inputs` are its numeric ones, in the order of its signature.
    blocks: Vec<Vec<usize>>,
    /// The names of the inputs that versions read, and of all: most requests give the one or the other.
    layouts: Vec<ColumnNames>,
}

/// The rows of a request, before any version has seen them.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// One column for each known input that the request gave.
    pub table: Table,
    /// Prediction ids that the request gave; one for each row.
    pub ids: Option<Vec<Arc<str>>>,
    /// What a canary's split sticks to; one for each row.
    pub entities: Option<Vec<Arc<str>>>,
    /// When the events happened; one for each row.
    pub times: Option<Vec<Timestamp>>,
}

impl KnownInputs {
    /// The inputs of `signatures` (the champion first: where versions disagree on a kind, the first one counts), and
    /// `recorded`: columns that no model reads but a monitor wants (a protected attribute, a slice).
    pub fn new<'a>(signatures: impl IntoIterator<Item = &'a Signature>, recorded: &[Input]) -> Self {
        let mut known = Self::default();
        for signature in signatures {
            let block: Vec<usize> = signature.inputs.iter().filter_map(|input| known.add_numeric(input)).collect();
            known.blocks.push(block);
        }
        let read = known.inputs.len();
        recorded.iter().for_each(|input| {
            known.add(input);
        });
        known.layouts = [read, known.inputs.len()].map(|count| layout(&known.inputs[..count])).to_vec();
        known
    }

    fn add(&mut self, input: &Input) -> usize {
        self.position(&input.name, 0).unwrap_or_else(|| {
            self.inputs.push((input.name.clone(), input.kind));
            self.inputs.len() - 1
        })
    }

    fn add_numeric(&mut self, input: &Input) -> Option<usize> {
        let at = self.add(input);
        matches!(input.kind, InputKind::Number | InputKind::Integer | InputKind::Boolean).then_some(at)
    }

    /// Clients mostly send the inputs in the order of the signature: looking from `from` on finds them at once.
    fn position(&self, name: &str, from: usize) -> Option<usize> {
        let found = |(known, _): &(String, InputKind)| known == name;
        let from = from.min(self.inputs.len());
        let behind = self.inputs[from..].iter().position(found).map(|at| from + at);
        behind.or_else(|| self.inputs[..from].iter().position(found))
    }

    /// What the input of this name holds; `None` where there is none.
    pub fn kind(&self, name: &str) -> Option<InputKind> {
        self.position(name, 0).map(|at| self.inputs[at].1)
    }

    /// The names of all inputs, in order.
    pub fn names(&self) -> Vec<String> {
        self.inputs.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The rows of `request`. Columns that it does not give are left out; the versions say whether they need them.
    ///
    /// # Errors
    /// Unknown inputs, wrong widths and kinds, rows that differ, no or too many rows, bad ids.
    pub fn rows(&self, request: Request, limits: &Limits) -> Result<Rows, V2Error> {
        let rows = check_rows(&request.inputs, limits)?;
        let mut columns: Vec<Option<Column>> = vec![None; self.inputs.len()];
        let mut reserved = Rows { table: Table::default(), ids: None, entities: None, times: None };
        let mut block: Option<String> = None;
        let mut next = 0;
        for tensor in request.inputs {
            if tensor.name.starts_with(RESERVED) {
                read_reserved(&mut reserved, tensor, limits)?;
                continue;
            }
            match self.position(&tensor.name, next) {
                Some(at) => {
                    next = at + 1;
                    let name = &self.inputs[at].0;
                    if columns[at].is_some() {
                        return Err(V2Error::input(name, given_again(name, block.as_deref())));
                    }
                    columns[at] = Some(self.column(at, tensor)?);
                }
                None if tensor.shape.len() == 2 && block.is_none() => {
                    block = Some(tensor.name.clone());
                    self.spread(tensor, &mut columns)?;
                }
                None => return Err(self.unknown(tensor.name)),
            }
        }
        let table = self.table(columns);
        if table.names().is_empty() {
            return Err(V2Error::NoFeatures { known: self.names() });
        }
        from_parameters(&mut reserved, &request.parameters, request.id.as_deref(), rows);
        Ok(Rows { table, ..reserved })
    }

    /// The columns that were given, by name.
    fn table(&self, columns: Vec<Option<Column>>) -> Table {
        let given = columns.iter().take_while(|column| column.is_some()).count();
        let is_first = columns[given..].iter().all(Option::is_none);
        let known = self.layouts.iter().find(|layout| is_first && layout.len() == given).cloned();
        let names = known.unwrap_or_else(|| {
            let named = self.inputs.iter().zip(&columns).filter(|(_, column)| column.is_some());
            layout(named.map(|(input, _)| input))
        });
        // The lengths are equal: the rows of all tensors were compared.
        Table::with_names(names, columns.into_iter().flatten().collect()).unwrap_or_default()
    }

    fn column(&self, at: usize, tensor: Tensor) -> Result<Column, V2Error> {
        let (name, kind) = &self.inputs[at];
        if tensor.width() != 1 {
            return Err(V2Error::input(name, InputProblem::TooWide { width: tensor.width() }));
        }
        convert(tensor.values, *kind, tensor.datatype).map_err(|problem| V2Error::input(name, problem))
    }

    /// Gives each column of a block to the numeric input at its place.
    fn spread(&self, tensor: Tensor, columns: &mut [Option<Column>]) -> Result<(), V2Error> {
        let width = tensor.width();
        let Some(block) = self.blocks.iter().find(|block| block.len() as u64 == width) else {
            return Err(self.no_block(tensor));
        };
        for (place, &at) in block.iter().enumerate() {
            let (name, kind) = &self.inputs[at];
            if columns[at].is_some() {
                return Err(V2Error::input(&tensor.name, InputProblem::GivenTwice(name.clone())));
            }
            let column = every(&tensor.values, place, block.len());
            let converted = convert(column, *kind, tensor.datatype);
            columns[at] = Some(converted.map_err(|problem| V2Error::input(name, problem))?);
        }
        Ok(())
    }

    /// A tensor of two dimensions whose name is unknown is a block of the wrong width, or a mistyped column.
    fn no_block(&self, tensor: Tensor) -> V2Error {
        let Some(block) = self.blocks.first().filter(|block| tensor.width() > 1 && !block.is_empty()) else {
            return self.unknown(tensor.name);
        };
        let names = block.iter().map(|at| self.inputs[*at].0.clone()).collect();
        let problem = InputProblem::WrongWidth { width: tensor.width(), expected: block.len(), names };
        V2Error::input(&tensor.name, problem)
    }

    fn unknown(&self, name: String) -> V2Error {
        let nearest = nearest(&name, self.inputs.iter().map(|(name, _)| name.as_str())).map(str::to_owned);
        V2Error::UnknownInput { name: name.chars().take(80).collect(), nearest, known: self.names() }
    }
}

/// The names of known inputs, which differ.
fn layout<'i>(inputs: impl IntoIterator<Item = &'i (String, InputKind)>) -> ColumnNames {
    ColumnNames::new(inputs.into_iter().map(|(name, _)| name.clone()).collect()).unwrap_or_default()
}

fn given_again(name: &str, block: Option<&str>) -> InputProblem {
    match block {
        Some(_) => InputProblem::GivenTwice(name.to_owned()),
        None => InputProblem::StandsTwice,
    }
}

fn check_rows(tensors: &[Tensor], limits: &Limits) -> Result<usize, V2Error> {
    let Some(first) = tensors.first() else { return Err(V2Error::NoInputs) };
    let rows = first.rows();
    if rows > limits.rows {
        return Err(V2Error::TooManyRows { rows, limit: limits.rows });
    }
    if let Some(other) = tensors.iter().find(|tensor| tensor.rows() != rows) {
        let differ = InputProblem::RowsDiffer { rows: other.rows(), other: first.name.clone(), other_rows: rows };
        return Err(V2Error::input(&other.name, differ));
    }
    if rows == 0 { Err(V2Error::NoRows) } else { Ok(rows) }
}

/// Every `width`-th value, from the one at `place` on.
fn every(values: &Column, place: usize, width: usize) -> Column {
    fn pick<T: Clone>(values: &[T], place: usize, width: usize) -> Vec<T> {
        values.iter().skip(place).step_by(width).cloned().collect()
    }
    match values {
        Column::Float(values) => Column::Float(pick(values, place, width)),
        Column::Int(values) => Column::Int(pick(values, place, width)),
        Column::Time(values) => Column::Time(pick(values, place, width)),
        Column::Bool(values) => Column::Bool(pick(values, place, width)),
        Column::Text(values) => Column::Text(pick(values, place, width)),
    }
}

/// The values as the kind wants them. Whole numbers stay whole: a model that reads floats rounds them when it is run, and
/// what is recorded and compared keeps all digits.
fn convert(values: Column, kind: InputKind, datatype: Datatype) -> Result<Column, InputProblem> {
    let wrong = |row: usize, value: String| InputProblem::WrongValue { value, row, kind };
    match (kind, values) {
        (InputKind::Number, values @ (Column::Float(_) | Column::Int(_))) => Ok(values),
        (InputKind::Number, Column::Bool(values)) => {
            Ok(Column::Float(values.into_iter().map(|value| value.map_or(f64::NAN, f64::from)).collect()))
        }
        (InputKind::Integer, values @ Column::Int(_)) => Ok(values),
        (InputKind::Integer, Column::Float(values)) => whole(&values, wrong).map(Column::Int),
        (InputKind::Integer, Column::Bool(values)) => {
            Ok(Column::Int(values.into_iter().map(|value| value.map(i64::from)).collect()))
        }
        (InputKind::Boolean, values @ Column::Bool(_)) => Ok(values),
        (InputKind::Boolean, Column::Int(values)) => truths(&values, wrong).map(Column::Bool),
        (InputKind::Boolean, Column::Float(values)) => {
            whole(&values, wrong).and_then(|values| truths(&values, wrong)).map(Column::Bool)
        }
        (InputKind::Text, values @ Column::Text(_)) => Ok(values),
        (InputKind::Time, Column::Int(values)) => Ok(Column::Time(values)),
        (InputKind::Time, Column::Float(values)) => whole(&values, wrong).map(Column::Time),
        (InputKind::Time, Column::Text(values)) => times(&values, wrong).map(Column::Time),
        (kind, _) => Err(InputProblem::WrongKind { datatype, kind }),
    }
}

fn whole(values: &[f64], wrong: impl Fn(usize, String) -> InputProblem) -> Result<Vec<Option<i64>>, InputProblem> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53: every whole number below has its own float
    let one = |(row, value): (usize, &f64)| match value {
        value if value.is_nan() => Ok(None),
        value if value.fract() == 0.0 && value.abs() < EXACT => Ok(Some(*value as i64)),
        value => Err(wrong(row, format!("{value:?}"))),
    };
    values.iter().enumerate().map(one).collect()
}

fn truths(
    values: &[Option<i64>],
    wrong: impl Fn(usize, String) -> InputProblem,
) -> Result<Vec<Option<bool>>, InputProblem> {
    let one = |(row, value): (usize, &Option<i64>)| match value {
        None => Ok(None),
        Some(value @ (0 | 1)) => Ok(Some(*value == 1)),
        Some(value) => Err(wrong(row, value.to_string())),
    };
    values.iter().enumerate().map(one).collect()
}

fn times(
    values: &[Option<Arc<str>>],
    wrong: impl Fn(usize, String) -> InputProblem,
) -> Result<Vec<Option<i64>>, InputProblem> {
    let one = |(row, value): (usize, &Option<Arc<str>>)| match value.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => {
            let time = text.parse::<Timestamp>();
            time.map(|time| Some(time.millis())).map_err(|_| wrong(row, text.chars().take(40).collect()))
        }
    };
    values.iter().enumerate().map(one).collect()
}

/// Reads one of Kilter's own inputs.
fn read_reserved(rows: &mut Rows, tensor: Tensor, limits: &Limits) -> Result<(), V2Error> {
    let name = tensor.name;
    let fail = |problem| V2Error::input(&name, problem);
    let taken = match name.as_str() {
        ID_INPUT => rows.ids.is_some(),
        ENTITY_INPUT => rows.entities.is_some(),
        TIME_INPUT => rows.times.is_some(),
        _ => {
            return Err(fail(InputProblem::BadReserved(
                "one of `__id`, `__entity` and `__time`: names that begin with `__` are not for features",
            )));
        }
    };
    if taken {
        return Err(fail(InputProblem::StandsTwice));
    }
    if tensor.shape.get(1).is_some_and(|width| *width != 1) {
        return Err(fail(InputProblem::TooWide { width: tensor.shape[1] }));
    }
    if name == TIME_INPUT {
        let Column::Time(times) = convert(tensor.values, InputKind::Time, tensor.datatype).map_err(fail)? else {
            return Err(fail(InputProblem::BadReserved("a time")));
        };
        let times = times.into_iter().enumerate();
        let times = times.map(|(row, time)| time.map(Timestamp).ok_or_else(|| fail(InputProblem::NoValue(row))));
        rows.times = Some(times.collect::<Result<_, _>>()?);
        return Ok(());
    }
    let texts = texts(tensor.values, limits).map_err(fail)?;
    if name == ENTITY_INPUT {
        rows.entities = Some(texts);
        return Ok(());
    }
    let mut seen = std::collections::HashSet::with_capacity(texts.len());
    if let Some(row) = texts.iter().position(|id| !seen.insert(&**id)) {
        return Err(fail(InputProblem::RepeatedId { value: texts[row].to_string(), row }));
    }
    rows.ids = Some(texts);
    Ok(())
}

fn texts(values: Column, limits: &Limits) -> Result<Vec<Arc<str>>, InputProblem> {
    let one = |(row, value): (usize, Option<Arc<str>>)| match value {
        None => Err(InputProblem::NoValue(row)),
        Some(text) if text.is_empty() => Err(InputProblem::NoValue(row)),
        Some(text) if text.len() > limits.id_bytes => {
            Err(InputProblem::LongValue { bytes: text.len(), row, limit: limits.id_bytes })
        }
        Some(text) => Ok(text),
    };
    match values {
        Column::Text(values) => values.into_iter().enumerate().map(one).collect(),
        // Whole numbers are good ids too.
        Column::Int(values) => {
            values.into_iter().map(|value| value.map(|value| value.to_string().into())).enumerate().map(one).collect()
        }
        _ => Err(InputProblem::BadReserved("a text (BYTES) or a whole number (INT64)")),
    }
}

/// What the parameters say of all rows; an input that says it row by row counts more.
fn from_parameters(rows: &mut Rows, parameters: &super::Parameters, request_id: Option<&str>, count: usize) {
    let given = parameters.prediction_id.as_deref().or(request_id);
    if let (None, Some(id)) = (&rows.ids, given) {
        rows.ids = Some(match count {
            1 => vec![id.into()],
            _ => (0..count).map(|row| format!("{id}-{row}").into()).collect(),
        });
    }
    if let (None, Some(entity)) = (&rows.entities, &parameters.entity) {
        rows.entities = Some(vec![entity.as_str().into(); count]);
    }
    if let (None, Some(time)) = (&rows.times, parameters.time) {
        rows.times = Some(vec![time; count]);
    }
}
