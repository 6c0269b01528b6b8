//! `Scan`, `Loop` and `If`: operators that run graphs of their own.
//!
//! Invariants: every run of a body is charged to the budget, and what is collected is bounded before it is copied. A body reads values of the
//! graph around it as inputs behind its own; the node has them behind its own, in the order of its bodies.

use std::fmt::Debug;

use super::{
    Arguments, Attributes, Built, Operator, Outputs,
    budget::Budget,
    layout::picked,
    shape::{axis_of, shape_of, with_shape},
};
use crate::tensor::{MAX_ELEMENTS, Tensor, Value};

/// A compiled graph within a node.
pub(crate) trait Body: Send + Sync + Debug {
    /// The values of its outputs.
    ///
    /// # Errors
    /// The reason of the node that failed, or that the budget is used up.
    fn run(&self, inputs: Vec<Value>, budget: &mut Budget) -> Outputs;

    /// The memory that it takes, in bytes.
    fn memory_bytes(&self) -> usize;
}

/// A body, the attribute that holds it, and how many values go in and out.
#[derive(Debug)]
pub(crate) struct NamedBody {
    pub name: String,
    pub body: Box<dyn Body>,
    /// Without those that it reads of the graph around it.
    pub inputs: usize,
    pub captured: usize,
    pub outputs: usize,
}

/// Builds `Scan`, `Loop` or `If`; `None` for other operators. `own` is the number of inputs that the node names itself.
pub(crate) fn build(node: &Attributes<'_>, bodies: Vec<NamedBody>, own: usize) -> Option<Built> {
    if !node.node.domain.is_empty() {
        return None;
    }
    Some(match node.kind() {
        "Scan" => one_body(node, bodies).and_then(|body| scan(node, body, own)),
        "Loop" => one_body(node, bodies).and_then(|body| repeat(node, body, own)),
        "If" => choice(bodies, own),
        _ => return None,
    })
}

fn one_body(node: &Attributes<'_>, bodies: Vec<NamedBody>) -> Result<NamedBody, String> {
    let mut bodies: Vec<NamedBody> = bodies.into_iter().filter(|body| body.name == "body").collect();
    match bodies.pop() {
        Some(body) if bodies.is_empty() => Ok(body),
        _ => Err(format!("a {} has exactly one body", node.kind())),
    }
}

/// The values behind the node's own inputs, which a body reads of the graph around it.
fn captured(inputs: &Arguments<'_>, from: usize, count: usize) -> Result<Vec<Value>, String> {
    (from..from + count).map(|at| inputs.get(at).cloned()).collect()
}

#[derive(Debug)]
struct Scan {
    body: NamedBody,
    own: usize,
    states: usize,
    /// By scanned input, the axis and whether it runs from its end.
    inputs: Vec<(i64, bool)>,
    /// The same by collected output.
    outputs: Vec<(i64, bool)>,
}

fn scan(node: &Attributes<'_>, body: NamedBody, own: usize) -> Built {
    if node.opset < 9 {
        return Err("Scan of operator set 8 is not supported".into());
    }
    let count = usize::try_from(node.int("num_scan_inputs", 0)?).ok().filter(|&count| (1..=own).contains(&count));
    let count = count.ok_or("num_scan_inputs does not fit the inputs")?;
    let states = own - count;
    if body.inputs != own || body.outputs < states {
        return Err(format!("its body takes {} values and gives {}, the node has {own}", body.inputs, body.outputs));
    }
    let list = |axes: &str, directions: &str, size: usize| {
        let (axes, directions) = (node.ints(axes)?, node.ints(directions)?);
        if [axes.len(), directions.len()].iter().any(|&length| length != 0 && length != size) {
            return Err("its axes or directions do not fit its inputs and outputs".to_owned());
        }
        let entry = |at: usize| (axes.get(at).copied().unwrap_or(0), directions.get(at).is_some_and(|&way| way == 1));
        Ok((0..size).map(entry).collect::<Vec<_>>())
    };
    let inputs = list("scan_input_axes", "scan_input_directions", count)?;
    let outputs = list("scan_output_axes", "scan_output_directions", body.outputs - states)?;
    Ok(Box::new(Scan { body, own, states, inputs, outputs }))
}

/// The part at `place` of an axis, which goes.
fn slice(value: &Value, axis: i64, place: usize) -> Result<Value, String> {
    let shape = shape_of(value)?;
    let axis = axis_of(axis, shape.rank())?;
    let dims = shape.dims();
    let (outer, inner): (usize, usize) = (dims[..axis].iter().product(), dims[axis + 1..].iter().product());
    let picks: Vec<usize> = (0..outer)
        .flat_map(|block| (block * dims[axis] + place) * inner..(block * dims[axis] + place + 1) * inner)
        .collect();
    let rest = [&dims[..axis], &dims[axis + 1..]].concat();
    picked(value, crate::tensor::Shape::new(&rest).ok_or("a part is too large")?, &picks)
}

impl Scan {
    /// How many parts every scanned input has.
    fn length(&self, inputs: &Arguments<'_>) -> Result<usize, String> {
        let mut length = None;
        for (at, &(axis, _)) in self.inputs.iter().enumerate() {
            let shape = shape_of(inputs.get(self.states + at)?)?;
            let size = shape.dims()[axis_of(axis, shape.rank())?];
            if *length.get_or_insert(size) != size {
                return Err("the scanned inputs are of unlike lengths".into());
            }
        }
        length.filter(|&length| length > 0).ok_or_else(|| "there is nothing to scan".into())
    }
}

impl Operator for Scan {
    fn memory_bytes(&self) -> usize {
        self.body.body.memory_bytes()
    }

    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        self.run_within(inputs, &mut Budget::default())
    }

    fn run_within(&self, inputs: Arguments<'_>, budget: &mut Budget) -> Outputs {
        let length = self.length(&inputs)?;
        let outside = captured(&inputs, self.own, self.body.captured)?;
        let mut states = (0..self.states).map(|at| inputs.get(at).cloned()).collect::<Result<Vec<_>, _>>()?;
        let mut collected: Vec<Collector> = self.outputs.iter().map(|_| Collector::default()).collect();
        for step in 0..length {
            let mut given = states;
            for (at, &(axis, is_backwards)) in self.inputs.iter().enumerate() {
                let place = if is_backwards { length - 1 - step } else { step };
                given.push(slice(inputs.get(self.states + at)?, axis, place)?);
            }
            given.extend(outside.iter().cloned());
            let mut made = self.body.body.run(given, budget)?;
            let parts = made.split_off(self.states.min(made.len()));
            states = made;
            collected.iter_mut().zip(parts).try_for_each(|(collector, part)| collector.push(part, length))?;
        }
        let ends = collected.into_iter().zip(&self.outputs);
        let ends = ends.map(|(collector, &(axis, is_backwards))| collector.finish(axis, is_backwards));
        states.into_iter().map(Ok).chain(ends).collect()
    }
}

/// Values of one shape that become parts of one.
#[derive(Default)]
struct Collector(Vec<Value>);

impl Collector {
    /// `expected` parts are bounded as soon as the first is known.
    fn push(&mut self, part: Value, expected: usize) -> Result<(), String> {
        let shape = shape_of(&part)?;
        if shape.count().max(1).saturating_mul(expected.max(self.0.len() + 1)) > MAX_ELEMENTS {
            return Err("what the body gives is too large together".into());
        }
        if self.0.first().is_some_and(|first| first.shape() != Some(shape) || first.kind() != part.kind()) {
            return Err("the body gives values of unlike shapes".into());
        }
        self.0.push(part);
        Ok(())
    }

    /// The parts along a new axis.
    fn finish(mut self, axis: i64, is_backwards: bool) -> Result<Value, String> {
        if is_backwards {
            self.0.reverse();
        }
        let first = self.0.first().ok_or("the body never ran, so that the shape of what it gives is not known")?;
        let shape = shape_of(first)?;
        let stacked = super::shape::stack(&self.0)?;
        let axis = axis_of(axis, shape.rank() + 1)?;
        let dims = [&[self.0.len()], shape.dims()].concat();
        let stacked = with_shape(&stacked, &dims)?;
        if axis == 0 {
            return Ok(stacked);
        }
        // The new axis stands first and goes behind `axis` others.
        let order: Vec<i64> = (1..=axis as i64).chain([0]).chain(axis as i64 + 1..dims.len() as i64).collect();
        super::layout::transposed(&stacked, &order)
    }
}

#[derive(Debug)]
struct Repeat {
    body: NamedBody,
    own: usize,
    states: usize,
}

fn repeat(_: &Attributes<'_>, body: NamedBody, own: usize) -> Built {
    let states = own.checked_sub(2).ok_or("a Loop has a number of turns and a condition")?;
    if body.inputs != own || body.outputs < states + 1 {
        return Err(format!("its body takes {} values and gives {}, the node has {own}", body.inputs, body.outputs));
    }
    Ok(Box::new(Repeat { body, own, states }))
}

fn truth(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(tensor) if tensor.data.len() == 1 => Ok(tensor.data[0]),
        other => Err(format!("a condition is one boolean, not a {}", other.kind())),
    }
}

impl Operator for Repeat {
    fn memory_bytes(&self) -> usize {
        self.body.body.memory_bytes()
    }

    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        self.run_within(inputs, &mut Budget::default())
    }

    fn run_within(&self, inputs: Arguments<'_>, budget: &mut Budget) -> Outputs {
        let turns = match inputs.optional(0) {
            None => i64::MAX,
            Some(value) => *value.ints()?.data.first().ok_or("the number of turns is empty")?,
        };
        let mut goes_on = inputs.optional(1).map_or(Ok(true), truth)?;
        let outside = captured(&inputs, self.own, self.body.captured)?;
        let mut states = (2..self.own).map(|at| inputs.get(at).cloned()).collect::<Result<Vec<_>, _>>()?;
        let mut collected: Vec<Collector> =
            (0..self.body.outputs - 1 - self.states).map(|_| Collector::default()).collect();
        let mut turn = 0;
        while goes_on && turn < turns {
            let mut given = vec![Value::Int(Tensor::new(&[], vec![turn])?), Value::Bool(Tensor::new(&[], vec![true])?)];
            given.append(&mut states);
            given.extend(outside.iter().cloned());
            let mut made = self.body.body.run(given, budget)?;
            let mut rest = made.split_off(1.min(made.len()));
            goes_on = made.first().map_or(Ok(false), truth)?;
            let parts = rest.split_off(self.states.min(rest.len()));
            states = rest;
            collected.iter_mut().zip(parts).try_for_each(|(collector, part)| collector.push(part, 0))?;
            turn += 1;
        }
        states.into_iter().map(Ok).chain(collected.into_iter().map(|collector| collector.finish(0, false))).collect()
    }
}

#[derive(Debug)]
struct Choice {
    yes: NamedBody,
    no: NamedBody,
    /// How many captured values lie before those of each branch.
    offsets: [usize; 2],
}

fn choice(bodies: Vec<NamedBody>, own: usize) -> Built {
    let (mut yes, mut no, mut offset, mut offsets) = (None, None, 1, [0, 0]);
    for body in bodies {
        let end = offset + body.captured;
        match body.name.as_str() {
            "then_branch" => {
                offsets[0] = offset;
                yes = Some(body);
            }
            "else_branch" => {
                offsets[1] = offset;
                no = Some(body);
            }
            _ => {}
        }
        offset = end;
    }
    match (yes, no) {
        (Some(yes), Some(no)) if own == 1 && yes.outputs == no.outputs && yes.inputs + no.inputs == 0 => {
            Ok(Box::new(Choice { yes, no, offsets }))
        }
        _ => Err("an If has one condition and two branches without inputs and with as many outputs".into()),
    }
}

impl Operator for Choice {
    fn memory_bytes(&self) -> usize {
        self.yes.body.memory_bytes() + self.no.body.memory_bytes()
    }

    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        self.run_within(inputs, &mut Budget::default())
    }

    fn run_within(&self, inputs: Arguments<'_>, budget: &mut Budget) -> Outputs {
        let (branch, offset) =
            if truth(inputs.get(0)?)? { (&self.yes, self.offsets[0]) } else { (&self.no, self.offsets[1]) };
        branch.body.run(captured(&inputs, offset, branch.captured)?, budget)
    }
}
