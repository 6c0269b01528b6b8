//! Rows as they come, by place or by the names of their columns, and the columns that they make.

use std::{borrow::Cow, fmt};

use kilter_inference::{InputKind, Signature};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    cells::{Cell, CellColumn, CellVisitor, of_column},
    schema::InputSchema,
};
use crate::v2::{Context, InputProblem, KnownInputs, RESERVED, Tensor, V2Error};

/// What reads rows.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) schema: InputSchema<'a>,
}

impl Reader<'_> {
    pub(super) fn raise<E: Error>(&self, error: V2Error) -> E {
        self.context.fault.raise(error)
    }
}

pub(super) fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Rows as they come: by place, or by the names of their columns.
#[derive(Default)]
pub(super) struct Frame {
    pub(super) names: Option<Vec<String>>,
    pub(super) columns: Vec<CellColumn>,
    pub(super) rows: usize,
    /// Values that take memory, missing ones included.
    pub(super) values: usize,
}

impl Frame {
    /// Adds a value to a row that is being read; its column is filled up where earlier rows had none.
    fn push<E: Error>(&mut self, reader: Reader<'_>, at: usize, cell: Cell<'_>) -> Result<(), E> {
        let column = &mut self.columns[at];
        self.values += self.rows + 1 - column.len();
        // A record may leave columns out; that costs no more memory than rows which say everything.
        if self.values > reader.context.max_values {
            let problem = "the records leave out most of their columns: send them as `dataframe_split`".to_owned();
            return Err(reader.raise(V2Error::Scoring { problem }));
        }
        column.fill(self.rows);
        column.push(cell).map_err(|problem| reader.raise(self.named(at, problem)))
    }

    fn named(&self, at: usize, problem: InputProblem) -> V2Error {
        match self.names.as_ref().and_then(|names| names.get(at)) {
            Some(name) => of_column(name, problem),
            None => V2Error::Input { input: format!("number {at}"), problem },
        }
    }

    /// The columns as tensors. `names` are those that stand beside rows by place.
    pub(super) fn into_tensors<E: Error>(
        self,
        reader: Reader<'_>,
        names: Option<Vec<String>>,
    ) -> Result<Vec<Tensor>, E> {
        let Self { names: own, columns, rows, .. } = self;
        if rows == 0 {
            return Err(reader.raise(V2Error::NoRows));
        }
        if rows.saturating_mul(columns.len()) > reader.context.max_values {
            let problem = "the records leave out most of their columns: send them as `dataframe_split`".to_owned();
            return Err(reader.raise(V2Error::Scoring { problem }));
        }
        let names = match own.or(names) {
            Some(names) if names.len() == columns.len() => names,
            Some(names) => {
                let (named, width) = (names.len(), columns.len());
                let problem = format!("`dataframe_split` names {named} columns, and its rows have {width} values");
                return Err(reader.raise(V2Error::Scoring { problem }));
            }
            None => by_place(reader.schema.signature, columns.len()).map_err(|error| reader.raise(error))?,
        };
        let known = reader.schema.known;
        let mut tensors = Vec::with_capacity(columns.len());
        for (name, mut column) in names.into_iter().zip(columns).filter(|(name, _)| is_taken(known, name)) {
            column.fill(rows);
            tensors.push(column.into_tensor(known.kind(&name), name, vec![rows as u64]));
        }
        match tensors.is_empty() {
            true => Err(reader.raise(V2Error::NoFeatures { known: known.names() })),
            false => Ok(tensors),
        }
    }
}

/// Whether a column of this name is read; others are left out, as MLflow does.
pub(super) fn is_taken(known: &KnownInputs, name: &str) -> bool {
    name.starts_with(RESERVED) || known.kind(name).is_some()
}

/// The names of the columns of rows that have none: all inputs of the model in their order, or its numeric ones.
fn by_place(signature: &Signature, width: usize) -> Result<Vec<String>, V2Error> {
    let names = |inputs: &mut dyn Iterator<Item = &kilter_inference::Input>| -> Vec<String> {
        inputs.map(|input| input.name.clone()).collect()
    };
    let all = names(&mut signature.inputs.iter());
    if all.len() == width {
        return Ok(all);
    }
    let is_numeric = |input: &&kilter_inference::Input| {
        matches!(input.kind, InputKind::Number | InputKind::Integer | InputKind::Boolean)
    };
    let numeric = names(&mut signature.inputs.iter().filter(is_numeric));
    match numeric.len() == width {
        true => Ok(numeric),
        false => {
            let problem = InputProblem::WrongRow { width: width as u64, expected: all.len(), names: all };
            Err(V2Error::Input { input: "of each row".into(), problem })
        }
    }
}

/// A list of rows.
pub(super) struct RowsSeed<'a>(pub(super) Reader<'a>);

impl<'de> DeserializeSeed<'de> for RowsSeed<'_> {
    type Value = Frame;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Frame, D::Error> {
        input.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_> {
    type Value = Frame;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Frame, A::Error> {
        let mut frame = Frame::default();
        let limit = self.0.context.limits.rows;
        while list.next_element_seed(RowSeed { reader: self.0, frame: &mut frame })?.is_some() {
            frame.rows += 1;
            if frame.rows > limit {
                return Err(self.0.raise(V2Error::TooManyRows { rows: frame.rows, limit }));
            }
        }
        Ok(frame)
    }
}

/// One row: a list of values, an object of them, or the one value of a model with one input.
struct RowSeed<'a, 'f> {
    reader: Reader<'a>,
    frame: &'f mut Frame,
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl RowSeed<'_, '_> {
    fn raise<E: Error>(&self, problem: String) -> E {
        self.reader.raise(V2Error::Scoring { problem })
    }

    /// The value of a row that is no list.
    fn only<E: Error>(self, cell: Cell<'_>) -> Result<(), E> {
        let row = self.frame.rows;
        if self.frame.names.is_some() || (row > 0 && self.frame.columns.len() != 1) {
            return Err(self.raise(format!("row {row} is a value, and the rows before it are not")));
        }
        self.frame.columns.resize(1, CellColumn::default());
        self.frame.push(self.reader, 0, cell)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a row: a list of values, or an object of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let (row, limit) = (self.frame.rows, self.reader.context.limits.inputs);
        if self.frame.names.is_some() {
            return Err(self.raise(format!("row {row} is a list, and the rows before it are objects")));
        }
        let mut width = 0;
        while let Some(cell) = list.next_element::<Cell<'de>>()? {
            if row == 0 && width == limit {
                return Err(self.reader.raise(V2Error::TooManyInputs { inputs: limit + 1, limit }));
            }
            if row == 0 {
                self.frame.columns.push(CellColumn::default());
            }
            if width == self.frame.columns.len() {
                return Err(
                    self.raise(format!("row {row} has more than {width} values, as many as the rows before it"))
                );
            }
            self.frame.push(self.reader, width, cell)?;
            width += 1;
        }
        let expected = self.frame.columns.len();
        match width == expected && width > 0 {
            true => Ok(()),
            false => Err(self.raise(format!("row {row} has {width} values, and the rows before it {expected}"))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let row = self.frame.rows;
        if row > 0 && self.frame.names.is_none() {
            return Err(self.raise(format!("row {row} is an object, and the rows before it are lists")));
        }
        self.frame.names.get_or_insert_default();
        let mut next = 0;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if !is_taken(self.reader.schema.known, &key) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let names = self.frame.names.get_or_insert_default();
            // Mostly the columns come in one order.
            let found = (names.get(next).is_some_and(|name| *name == key)).then_some(next);
            let at = found.or_else(|| names.iter().position(|name| *name == key)).unwrap_or_else(|| {
                names.push(key.to_string());
                self.frame.columns.push(CellColumn::default());
                names.len() - 1
            });
            next = at + 1;
            if self.frame.columns[at].len() > row {
                return Err(self.reader.raise(of_column(&key, InputProblem::StandsTwice)));
            }
            let cell = map.next_value::<Cell<'de>>()?;
            self.frame.push(self.reader, at, cell)?;
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.only(Cell::Missing)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.only(Cell::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.only(CellVisitor.visit_u64(value)?)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.only(Cell::Whole(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.only(Cell::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.only(Cell::Text(Cow::Borrowed(value)))
    }
}

/// The values of one column: a list of values or of rows, or one value.
pub(super) struct ColumnSeed<'a, 'f> {
    pub(super) reader: Reader<'a>,
    pub(super) name: &'f str,
    pub(super) frame: &'f mut Frame,
}

impl<'de> DeserializeSeed<'de> for ColumnSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl ColumnSeed<'_, '_> {
    fn only<E: Error>(self, cell: Cell<'_>) -> Result<(), E> {
        let mut column = CellColumn::default();
        column.push(cell).map_err(|problem| self.reader.raise(of_column(self.name, problem)))?;
        *self.frame = Frame { names: None, columns: vec![column], rows: 1, values: 1 };
        Ok(())
    }
}

impl<'de> Visitor<'de> for ColumnSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "a list of values for the column `{}`", shorten(self.name))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        let frame = RowsSeed(self.reader).visit_seq(list)?;
        if frame.names.is_some() {
            let problem = format!("the column `{}` has objects for values", shorten(self.name));
            return Err(self.reader.raise(V2Error::Scoring { problem }));
        }
        *self.frame = frame;
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.only(Cell::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.only(CellVisitor.visit_u64(value)?)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.only(Cell::Whole(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.only(Cell::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.only(Cell::Text(Cow::Borrowed(value)))
    }
}
