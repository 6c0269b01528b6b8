//! The computation, checked and numbered at load so that a run only walks a list.
//!
//! Invariants: nodes run in the order of the file, and every value a node reads was made before it (so there is no
//! circle); every value has one slot, and a slot is freed after its last reader.

use std::collections::HashMap;

use crate::{
    constant::constant_value,
    error::{LoadError, PredictError},
    onnx::{ModelProto, NodeProto},
    ops::{self, Arguments, Operator, OperatorStructure},
    tensor::Value,
};

/// The newest operator set whose meaning the executor was checked against.
const NEWEST_OPSET: i64 = 26;

/// The most bytes of all values that live at once while rows run through a graph.
const MAX_LIVE_BYTES: usize = 1 << 30;

/// Rows run in blocks whose values take about so many bytes.
const BLOCK_BYTES: usize = 64 << 20;

/// Rows that run through a graph at once where their values are small: what lies between two nodes stays in the caches.
pub(crate) const BLOCK_ROWS: usize = 1024;

/// A node with its slots.
#[derive(Debug)]
pub(crate) struct Step {
    pub label: String,
    pub operator: Box<dyn Operator>,
    pub inputs: Vec<Option<usize>>,
    /// `None` for outputs that nothing reads.
    pub outputs: Vec<Option<usize>>,
    /// Slots whose last reader this step is.
    done: Vec<usize>,
}

/// A compiled graph.
#[derive(Debug)]
pub(crate) struct Graph {
    steps: Vec<Step>,
    constants: Vec<(usize, Value)>,
    /// Slots of the graph's inputs, in order.
    inputs: Vec<usize>,
    /// Slots of the graph's outputs, in order.
    outputs: Vec<usize>,
    slots: usize,
}

impl Graph {
    pub fn compile(model: &ModelProto) -> Result<Self, LoadError> {
        let mut names = Names::default();
        let mut constants = Vec::new();
        for tensor in &model.graph.initializers {
            let value = constant_value(tensor)
                .map_err(|reason| LoadError::BrokenGraph(format!("initialiser `{}`: {reason}", tensor.name)))?;
            constants.push((names.define(&tensor.name)?, value));
        }
        // Before IR version 4 initialisers were listed among the inputs too.
        let real_inputs = model.graph.inputs.iter().filter(|info| !names.slots.contains_key(&info.name));
        let real_inputs: Vec<&str> = real_inputs.map(|info| info.name.as_str()).collect();
        let inputs = real_inputs.into_iter().map(|name| names.define(name)).collect::<Result<Vec<_>, _>>()?;
        let mut steps = Vec::with_capacity(model.graph.nodes.len());
        for node in &model.graph.nodes {
            let label = node.label();
            let operator = ops::build(node, opset(model, node)?)?;
            let read = |name: &String| {
                if name.is_empty() {
                    Ok(None)
                } else {
                    names.slots.get(name).copied().map(Some).ok_or_else(|| unknown(name, &label))
                }
            };
            let inputs = node.inputs.iter().map(read).collect::<Result<Vec<_>, _>>()?;
            let mut write = |name: &String| if name.is_empty() { Ok(None) } else { names.define(name).map(Some) };
            let outputs = node.outputs.iter().map(&mut write).collect::<Result<Vec<_>, _>>()?;
            steps.push(Step { label, operator, inputs, outputs, done: Vec::new() });
        }
        let read = |name: &str| names.slots.get(name).copied().ok_or_else(|| unknown(name, "the graph's outputs"));
        let outputs = model.graph.outputs.iter().map(|info| read(&info.name)).collect::<Result<Vec<_>, _>>()?;
        let mut graph = Self { steps, constants, inputs, outputs, slots: names.slots.len() };
        graph.plan_freeing();
        Ok(graph)
    }

    /// Frees every slot after its last reader; outputs and constants stay.
    fn plan_freeing(&mut self) {
        let mut is_kept = vec![false; self.slots];
        self.outputs.iter().chain(self.constants.iter().map(|(slot, _)| slot)).for_each(|&slot| is_kept[slot] = true);
        for step in self.steps.iter_mut().rev() {
            for slot in step.inputs.iter().chain(&step.outputs).flatten() {
                if !std::mem::replace(&mut is_kept[*slot], true) {
                    step.done.push(*slot);
                }
            }
        }
    }

    /// The values of the outputs, in order, for the values of the inputs.
    pub fn run(&self, inputs: Vec<Value>) -> Result<Vec<Value>, PredictError> {
        let constants = self.constants_by_slot();
        let (slots, _) = self.walk(inputs, &constants, &mut |_, _| ())?;
        let take = |&slot: &usize| slots[slot].clone().or_else(|| constants[slot].cloned());
        let outputs: Option<Vec<Value>> = self.outputs.iter().map(take).collect();
        outputs.ok_or_else(|| PredictError::Node { node: "the outputs".into(), reason: "one was not computed".into() })
    }

    /// Runs and shows every value that is not a constant, with its slot, when it is made.
    pub fn watch(&self, inputs: Vec<Value>, see: &mut impl FnMut(usize, &Value)) -> Result<(), PredictError> {
        self.inputs.iter().zip(&inputs).for_each(|(&slot, value)| see(slot, value));
        self.walk(inputs, &self.constants_by_slot(), see).map(drop)
    }

    /// How many rows run at once, so that the values between the nodes take a bounded memory; `inputs` are those of one
    /// row.
    pub fn block_rows(&self, inputs: Vec<Value>) -> usize {
        match self.walk(inputs, &self.constants_by_slot(), &mut |_, _| ()) {
            Ok((_, peak)) => (BLOCK_BYTES / peak.max(1)).clamp(1, BLOCK_ROWS),
            // Rows that cannot run say so when they do.
            Err(_) => BLOCK_ROWS,
        }
    }

    fn constants_by_slot(&self) -> Vec<Option<&Value>> {
        let mut constants: Vec<Option<&Value>> = vec![None; self.slots];
        self.constants.iter().for_each(|(slot, value)| constants[*slot] = Some(value));
        constants
    }

    /// What is left in the slots when all steps have run, and the most bytes that lived at once.
    fn walk(
        &self,
        inputs: Vec<Value>,
        constants: &[Option<&Value>],
        see: &mut impl FnMut(usize, &Value),
    ) -> Result<(Vec<Option<Value>>, usize), PredictError> {
        let (mut live, mut peak) = (inputs.iter().map(Value::bytes).sum::<usize>(), 0);
        let mut slots: Vec<Option<Value>> = vec![None; self.slots];
        self.inputs.iter().zip(inputs).for_each(|(&slot, value)| slots[slot] = Some(value));
        let mut arguments: Vec<Option<&Value>> = Vec::new();
        for step in &self.steps {
            arguments.clear();
            let value = |slot: usize| slots[slot].as_ref().or(constants[slot]);
            arguments.extend(step.inputs.iter().map(|slot| slot.and_then(value)));
            let failed = |reason| PredictError::Node { node: step.label.clone(), reason };
            let made = step.operator.run(Arguments(&arguments)).map_err(failed)?;
            // The borrowed arguments end here: slots change below.
            arguments = Vec::new();
            live += made.iter().map(Value::bytes).sum::<usize>();
            peak = peak.max(live);
            if live > MAX_LIVE_BYTES {
                return Err(failed(format!("what lies between the nodes takes more than {MAX_LIVE_BYTES} bytes")));
            }
            for (slot, value) in step.outputs.iter().zip(made) {
                match slot {
                    Some(slot) => {
                        see(*slot, &value);
                        slots[*slot] = Some(value);
                    }
                    None => live -= value.bytes(),
                }
            }
            for &slot in &step.done {
                live -= slots[slot].take().map_or(0, |value| value.bytes());
            }
        }
        Ok((slots, peak))
    }

    /// The nodes in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Slots of the graph's inputs, in order.
    pub fn inputs(&self) -> &[usize] {
        &self.inputs
    }

    /// The slot of the graph's output `at`.
    pub fn output(&self, at: usize) -> usize {
        self.outputs[at]
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The value of a slot that no row changes.
    pub fn constant(&self, slot: usize) -> Option<&Value> {
        let initialiser = self.constants.iter().find(|(constant, _)| *constant == slot).map(|(_, value)| value);
        let made = || self.steps.iter().find(|step| step.outputs.contains(&Some(slot)));
        initialiser.or_else(|| match made()?.operator.structure() {
            OperatorStructure::Constant(value) => Some(value),
            _ => None,
        })
    }

    /// Whether the value in `slot` is a sigmoid, with nothing but changes of shape and choices of columns behind it.
    pub fn is_made_by_sigmoid(&self, mut slot: usize) -> bool {
        for step in self.steps.iter().rev() {
            if !step.outputs.contains(&Some(slot)) {
                continue;
            }
            match (step.operator.is_sigmoid(), step.operator.structure(), step.inputs.first()) {
                (true, ..) => return true,
                (
                    _,
                    OperatorStructure::Same | OperatorStructure::Reshaped | OperatorStructure::Picked,
                    Some(&Some(read)),
                ) => slot = read,
                _ => return false,
            }
        }
        false
    }

    /// The class names that some node knows, the last node first; else those that the label in the slot `label` is
    /// picked from.
    pub fn classes(&self, label: usize) -> Option<Vec<String>> {
        let named = self.steps.iter().rev().find_map(|step| step.operator.classes());
        named.or_else(|| self.picked_from(label))
    }

    /// The constant list of which the value in `slot` is an element, with changes of type and shape between.
    fn picked_from(&self, mut slot: usize) -> Option<Vec<String>> {
        for step in self.steps.iter().rev() {
            if !step.outputs.contains(&Some(slot)) {
                continue;
            }
            let read = step.inputs.first().copied().flatten()?;
            match (step.operator.structure(), self.constant(read)) {
                (OperatorStructure::Picked, Some(Value::Text(classes))) => {
                    return Some(classes.data.iter().map(ToString::to_string).collect());
                }
                (OperatorStructure::Picked, Some(Value::Int(classes))) => {
                    return Some(classes.data.iter().map(ToString::to_string).collect());
                }
                _ => slot = read,
            }
        }
        None
    }
}

/// Every value of the graph has one name and one slot.
#[derive(Default)]
struct Names {
    slots: HashMap<String, usize>,
}

impl Names {
    fn define(&mut self, name: &str) -> Result<usize, LoadError> {
        let slot = self.slots.len();
        match self.slots.insert(name.to_owned(), slot) {
            None => Ok(slot),
            Some(_) => Err(LoadError::BrokenGraph(format!("the value `{name}` is made twice"))),
        }
    }
}

fn unknown(name: &str, reader: &str) -> LoadError {
    LoadError::BrokenGraph(format!("`{reader}` reads `{name}`, which nothing before it makes"))
}

/// The first operator set in which an operator means what it means today. A converter writes the lowest set that has
/// all operators of a file, so one that uses `Identity` alone says 1.
fn since(operator: &str) -> i64 {
    match operator {
        "Identity" | "Constant" | "MatMul" | "Softmax" | "ArgMax" | "ReduceSum" | "Not" | "Gather" | "Squeeze"
        | "Unsqueeze" | "Flatten" => 1,
        "Concat" => 4,
        "Reshape" => 5,
        "Cast" | "Abs" | "Ceil" | "Exp" | "Floor" | "Log" | "Neg" | "Relu" | "Sigmoid" | "Sqrt" | "Tanh" | "Clip" => 6,
        _ => 7,
    }
}

/// The version of the operator set of a node.
fn opset(model: &ModelProto, node: &NodeProto) -> Result<i64, LoadError> {
    let (domain, operator) = (&node.domain, &node.op_type);
    let is_same = |name: &str| name == domain || (domain.is_empty() && name == "ai.onnx");
    let version = model.opset.iter().find(|(name, _)| is_same(name)).map(|&(_, version)| version);
    let known = since(operator)..=NEWEST_OPSET;
    match version {
        Some(version) if domain.is_empty() && !known.contains(&version) => Err(LoadError::BrokenGraph(format!(
            "the operator `{operator}` of operator set {version} is not known: versions {} to {} are",
            known.start(),
            known.end()
        ))),
        Some(version) => Ok(version),
        None => Err(LoadError::BrokenGraph(format!("the operator set of the domain `{domain}` is not declared"))),
    }
}
