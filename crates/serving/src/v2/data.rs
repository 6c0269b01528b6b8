//! Tensor data from JSON straight into a typed column: no tree of values in between.

use std::{cell::RefCell, fmt, sync::Arc};

use kilter_domain::table::Column;
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use super::{Datatype, InputProblem, V2Error};

/// Where a typed error waits while serde unwinds: serde's own errors are only texts.
#[derive(Default)]
pub(crate) struct Fault(RefCell<Option<V2Error>>);

impl Fault {
    /// Keeps `error` (the first one wins) and makes the serde error that stops the reading.
    pub(crate) fn raise<E: Error>(&self, error: V2Error) -> E {
        self.0.borrow_mut().get_or_insert(error);
        E::custom("refused")
    }

    pub(crate) fn take(&self) -> Option<V2Error> {
        self.0.borrow_mut().take()
    }
}

/// How errors call an input: by its name, by its place as long as the name has not been read.
#[derive(Clone, Copy)]
pub(super) struct Label<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) at: usize,
}

impl fmt::Display for Label<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(out, "`{name}`"),
            None => write!(out, "number {}", self.at),
        }
    }
}

/// What the data of a tensor must look like.
pub(super) struct DataSeed<'a> {
    pub(super) datatype: Datatype,
    pub(super) shape: &'a [u64],
    /// Product of the shape; checked to be at most what the body can hold.
    pub(super) count: usize,
    /// How errors call the input.
    pub(super) label: Label<'a>,
    pub(super) fault: &'a Fault,
}

impl<'de> DeserializeSeed<'de> for DataSeed<'_> {
    type Value = Column;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Column, D::Error> {
        match self.datatype {
            Datatype::Fp16 | Datatype::Fp32 | Datatype::Fp64 => {
                let datatype = self.datatype;
                self.read(input, Floats { values: Vec::new(), datatype }).map(|sink| Column::Float(sink.values))
            }
            datatype @ Datatype::Bf16 => Err(self.raise(InputProblem::OnlyBinary(datatype))),
            Datatype::Bool => self.read(input, Bools(Vec::new())).map(|sink| Column::Bool(sink.0)),
            Datatype::Bytes => self.read(input, Texts(Vec::new())).map(|sink| Column::Text(sink.0)),
            datatype => {
                let (low, high) = datatype.whole_range().unwrap_or((i64::MIN, i64::MAX));
                self.read(input, Wholes { values: Vec::new(), low, high }).map(|sink| Column::Int(sink.values))
            }
        }
    }
}

impl DataSeed<'_> {
    fn read<'de, D: Deserializer<'de>, S: Sink>(self, input: D, mut sink: S) -> Result<S, D::Error> {
        sink.reserve(self.count);
        let mut state = State { seed: &self, sink: &mut sink, scalar_depth: None };
        input.deserialize_any(Level { state: &mut state, depth: 0 })?;
        let found = sink.len();
        if found == self.count { Ok(sink) } else { Err(self.raise(self.wrong_count(found.to_string()))) }
    }

    fn wrong_count(&self, found: String) -> InputProblem {
        InputProblem::WrongCount { found, expected: self.count as u64, shape: self.shape.to_vec() }
    }

    fn raise<E: Error>(&self, problem: InputProblem) -> E {
        self.fault.raise(V2Error::Input { input: self.label.to_string(), problem })
    }
}

/// The value does not belong into this column.
struct Misfit;

/// A column that is being filled.
trait Sink {
    fn reserve(&mut self, count: usize);
    fn len(&self) -> usize;
    fn missing(&mut self);
    fn number(&mut self, value: Number) -> Result<(), Misfit>;
    fn boolean(&mut self, _: bool) -> Result<(), Misfit> {
        Err(Misfit)
    }
    fn text(&mut self, _: &str) -> Result<(), Misfit> {
        Err(Misfit)
    }
}

#[derive(Clone, Copy)]
enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(value) => write!(out, "{value}"),
            Self::Signed(value) => write!(out, "{value}"),
            Self::Float(value) => write!(out, "{value:?}"),
        }
    }
}

impl Number {
    /// The whole number it is, exactly; a float counts only where every whole number has its own float.
    fn whole(self) -> Option<i64> {
        const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
        match self {
            Self::Unsigned(value) => i64::try_from(value).ok(),
            Self::Signed(value) => Some(value),
            Self::Float(value) => (value.fract() == 0.0 && value.abs() < EXACT).then_some(value as i64),
        }
    }
}

struct Floats {
    values: Vec<f64>,
    datatype: Datatype,
}

impl Sink for Floats {
    fn reserve(&mut self, count: usize) {
        self.values.reserve_exact(count);
    }
    fn len(&self) -> usize {
        self.values.len()
    }
    fn missing(&mut self) {
        self.values.push(f64::NAN);
    }
    fn number(&mut self, value: Number) -> Result<(), Misfit> {
        let value = match value {
            Number::Unsigned(value) => value as f64,
            Number::Signed(value) => value as f64,
            Number::Float(value) => value,
        };
        self.values.push(self.datatype.rounded(value).ok_or(Misfit)?);
        Ok(())
    }
}

struct Wholes {
    values: Vec<Option<i64>>,
    low: i64,
    high: i64,
}

impl Sink for Wholes {
    fn reserve(&mut self, count: usize) {
        self.values.reserve_exact(count);
    }
    fn len(&self) -> usize {
        self.values.len()
    }
    fn missing(&mut self) {
        self.values.push(None);
    }
    fn number(&mut self, value: Number) -> Result<(), Misfit> {
        let value = value.whole().filter(|value| (self.low..=self.high).contains(value)).ok_or(Misfit)?;
        self.values.push(Some(value));
        Ok(())
    }
}

struct Bools(Vec<Option<bool>>);

impl Sink for Bools {
    fn reserve(&mut self, count: usize) {
        self.0.reserve_exact(count);
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn missing(&mut self) {
        self.0.push(None);
    }
    fn number(&mut self, value: Number) -> Result<(), Misfit> {
        match value.whole() {
            Some(value @ (0 | 1)) => self.boolean(value == 1),
            _ => Err(Misfit),
        }
    }
    fn boolean(&mut self, value: bool) -> Result<(), Misfit> {
        self.0.push(Some(value));
        Ok(())
    }
}

struct Texts(Vec<Option<Arc<str>>>);

impl Sink for Texts {
    fn reserve(&mut self, count: usize) {
        self.0.reserve_exact(count);
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn missing(&mut self) {
        self.0.push(None);
    }
    fn number(&mut self, _: Number) -> Result<(), Misfit> {
        Err(Misfit)
    }
    fn text(&mut self, value: &str) -> Result<(), Misfit> {
        self.0.push(Some(value.into()));
        Ok(())
    }
}

struct State<'a, S> {
    seed: &'a DataSeed<'a>,
    sink: &'a mut S,
    /// How deep the first value stood: all others must stand as deep.
    scalar_depth: Option<usize>,
}

impl<S: Sink> State<'_, S> {
    fn put<E: Error>(
        &mut self,
        depth: usize,
        shown: impl Fn() -> String,
        put: impl FnOnce(&mut S) -> Result<(), Misfit>,
    ) -> Result<(), E> {
        let seed = self.seed;
        if depth == 0 {
            return Err(seed.raise(InputProblem::NotAList));
        }
        if *self.scalar_depth.get_or_insert(depth) != depth {
            return Err(seed.raise(InputProblem::MixedNesting));
        }
        if self.sink.len() == seed.count {
            return Err(seed.raise(seed.wrong_count(format!("more than {}", seed.count))));
        }
        let at = self.sink.len();
        put(self.sink).map_err(|Misfit| {
            seed.raise(InputProblem::BadValue { value: shorten(shown()), at, datatype: seed.datatype })
        })
    }
}

fn shorten(text: String) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A value or a list at some depth of the data; the list of all data is depth 0.
struct Level<'s, 'a, S> {
    state: &'s mut State<'a, S>,
    depth: usize,
}

impl<'de, S: Sink> DeserializeSeed<'de> for Level<'_, '_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for Level<'_, '_, S> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value or a list of values")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { state, depth } = self;
        let seed = state.seed;
        if depth >= seed.shape.len() {
            return Err(seed.raise(InputProblem::TooDeep(seed.shape.to_vec())));
        }
        if depth > 0 && state.scalar_depth.is_some_and(|found| found <= depth) {
            return Err(seed.raise(InputProblem::MixedNesting));
        }
        let mut found = 0u64;
        while list.next_element_seed(Level { state, depth: depth + 1 })?.is_some() {
            found += 1;
        }
        let expected = seed.shape[depth];
        // At depth 0 a flat list is right too; its length is checked as the number of values.
        if (depth > 0 || state.scalar_depth != Some(1)) && found != expected {
            return Err(seed.raise(InputProblem::Ragged {
                found: found.to_string(),
                expected,
                shape: seed.shape.to_vec(),
            }));
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.number(Number::Unsigned(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number(Number::Signed(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.number(Number::Float(value))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.state.put(self.depth, || value.to_string(), |sink| sink.boolean(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.state.put(self.depth, || format!("{value:?}"), |sink| sink.text(value))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.state.put(self.depth, String::new, |sink| {
            sink.missing();
            Ok(())
        })
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.state.put(self.depth, || "{…}".to_owned(), |_| Err(Misfit))
    }
}

impl<S: Sink> Level<'_, '_, S> {
    fn number<E: Error>(self, value: Number) -> Result<(), E> {
        self.state.put(self.depth, || value.to_string(), |sink| sink.number(value))
    }
}
