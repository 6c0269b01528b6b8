//! The computation, checked and numbered at load so that a run only walks a list.
//!
//! Invariants: nodes run in the order of the file, and every value a node reads was made before it (so there is no
//! circle); every value has one slot, and a slot is freed after its last reader. A graph within a node reads values of the
//! graph around it as inputs behind its own.

use std::collections::HashMap;

use crate::{
    constant::constant_value,
    error::{LoadError, PredictError},
    onnx::{AttributeValue, GraphProto, ModelProto, NodeProto},
    ops::{self, Arguments, Attributes, Body, Budget, NamedBody, Operator, OperatorStructure},
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
        Self::within(model, &model.graph, None).map(|(graph, _)| graph)
    }

    /// A graph with the names that it reads of the one around it: they are its last inputs.
    fn within(
        model: &ModelProto,
        proto: &GraphProto,
        around: Option<&Names<'_>>,
    ) -> Result<(Self, Vec<String>), LoadError> {
        let mut names = Names { slots: HashMap::new(), captured: Vec::new(), around };
        let mut constants = Vec::new();
        for tensor in &proto.initializers {
            let value = constant_value(tensor)
                .map_err(|reason| LoadError::BrokenGraph(format!("initialiser `{}`: {reason}", tensor.name)))?;
            constants.push((names.define(&tensor.name)?, value));
        }
        // Before IR version 4 initialisers were listed among the inputs too.
        let real_inputs = proto.inputs.iter().filter(|info| !names.slots.contains_key(&info.name));
        let real_inputs: Vec<&str> = real_inputs.map(|info| info.name.as_str()).collect();
        let mut inputs = real_inputs.into_iter().map(|name| names.define(name)).collect::<Result<Vec<_>, _>>()?;
        let mut steps = Vec::with_capacity(proto.nodes.len());
        for node in &proto.nodes {
            let label = node.label();
            let (operator, captured) = operator(model, node, &names)?;
            let mut read = |name: &String| match name.as_str() {
                "" => Ok(None),
                name => names.read(name, &label).map(Some),
            };
            let inputs = node.inputs.iter().chain(&captured).map(&mut read).collect::<Result<Vec<_>, _>>()?;
            let mut write = |name: &String| if name.is_empty() { Ok(None) } else { names.define(name).map(Some) };
            let outputs = node.outputs.iter().map(&mut write).collect::<Result<Vec<_>, _>>()?;
            steps.push(Step { label, operator, inputs, outputs, done: Vec::new() });
        }
        let mut read = |name: &str| names.read(name, "the graph's outputs");
        let outputs = proto.outputs.iter().map(|info| read(&info.name)).collect::<Result<Vec<_>, _>>()?;
        inputs.extend(names.captured.iter().map(|name| names.slots[name]));
        let mut graph = Self { steps, constants, inputs, outputs, slots: names.slots.len() };
        graph.plan_freeing();
        Ok((graph, names.captured))
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

    /// The memory that its constants and the settings of its nodes take, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let constants: usize = self.constants.iter().map(|(_, value)| value.bytes()).sum();
        self.steps.iter().fold(constants, |sum, step| sum + size_of::<Step>() + step.operator.memory_bytes())
    }

    /// The values of the outputs, in order, for the values of the inputs.
    pub fn run(&self, inputs: Vec<Value>) -> Result<Vec<Value>, PredictError> {
        self.run_within(inputs, &mut Budget::default())
    }

    fn run_within(&self, inputs: Vec<Value>, budget: &mut Budget) -> Result<Vec<Value>, PredictError> {
        let constants = self.constants_by_slot();
        let (slots, _) = self.walk(inputs, &constants, &mut |_, _| (), budget)?;
        let take = |&slot: &usize| slots[slot].clone().or_else(|| constants[slot].cloned());
        let outputs: Option<Vec<Value>> = self.outputs.iter().map(take).collect();
        outputs.ok_or_else(|| PredictError::Node { node: "the outputs".into(), reason: "one was not computed".into() })
    }

    /// Runs and shows every value that is not a constant, with its slot, when it is made.
    pub fn watch(&self, inputs: Vec<Value>, see: &mut impl FnMut(usize, &Value)) -> Result<(), PredictError> {
        self.inputs.iter().zip(&inputs).for_each(|(&slot, value)| see(slot, value));
        self.walk(inputs, &self.constants_by_slot(), see, &mut Budget::default()).map(drop)
    }

    /// How many rows run at once, so that the values between the nodes take a bounded memory; `inputs` are those of one
    /// row.
    pub fn block_rows(&self, inputs: Vec<Value>) -> usize {
        match self.walk(inputs, &self.constants_by_slot(), &mut |_, _| (), &mut Budget::default()) {
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
        budget: &mut Budget,
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
            let made = step.operator.run_within(Arguments(&arguments), budget).map_err(failed)?;
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

    /// The class names of the node that makes the label in the slot `label`; else those that it is picked from; else those
    /// that some classifier knows, the last node first.
    pub fn classes(&self, label: usize) -> Option<Vec<String>> {
        let classifiers = || self.steps.iter().rev().filter(|step| !step.operator.is_encoder());
        let named = || classifiers().find_map(|step| step.operator.classes());
        self.named_behind(label).or_else(|| self.picked_from(label)).or_else(named)
    }

    /// The class names of the node that makes the value in `slot`, with nothing but changes of type and shape between.
    fn named_behind(&self, mut slot: usize) -> Option<Vec<String>> {
        for step in self.steps.iter().rev() {
            if !step.outputs.contains(&Some(slot)) {
                continue;
            }
            match (step.operator.classes(), step.operator.structure(), &step.inputs[..]) {
                (Some(classes), ..) => return Some(classes),
                (_, OperatorStructure::Reshaped, [Some(read), ..]) => slot = *read,
                (_, OperatorStructure::Same | OperatorStructure::ByColumn, [Some(read)]) => slot = *read,
                _ => return None,
            }
        }
        None
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

/// A graph within a node.
#[derive(Debug)]
struct Inner(Graph);

impl Body for Inner {
    fn run(&self, inputs: Vec<Value>, budget: &mut Budget) -> Result<Vec<Value>, String> {
        let bytes = inputs.iter().map(Value::bytes).sum::<usize>();
        (0..=self.0.steps.len()).try_for_each(|_| budget.charge(bytes))?;
        self.0.run_within(inputs, budget).map_err(|error| error.to_string())
    }

    fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }
}

/// The operator of a node, and the names that its own graphs read of the graph around it.
fn operator(
    model: &ModelProto,
    node: &NodeProto,
    names: &Names<'_>,
) -> Result<(Box<dyn Operator>, Vec<String>), LoadError> {
    let opset = opset(model, node)?;
    let (mut bodies, mut all) = (Vec::new(), Vec::new());
    for attribute in &node.attributes {
        let AttributeValue::Graph(proto) = &attribute.value else { continue };
        let (graph, captured) = Graph::within(model, proto, Some(names))?;
        bodies.push(NamedBody {
            name: attribute.name.clone(),
            inputs: graph.inputs.len() - captured.len(),
            captured: captured.len(),
            outputs: graph.outputs.len(),
            body: Box::new(Inner(graph)),
        });
        all.extend(captured);
    }
    if bodies.is_empty() {
        return Ok((ops::build(node, opset)?, all));
    }
    let broken = |reason| LoadError::BadOperator { operator: node.op_type.clone(), node: node.label(), reason };
    match ops::build_control(&Attributes { node, opset }, bodies, node.inputs.len()) {
        Some(built) => Ok((built.map_err(broken)?, all)),
        None => Err(broken("it holds a graph of its own, which Kilter does not run".into())),
    }
}

/// Every value of the graph has one name and one slot.
struct Names<'a> {
    slots: HashMap<String, usize>,
    /// What was read of the graph around it, in order.
    captured: Vec<String>,
    around: Option<&'a Names<'a>>,
}

impl Names<'_> {
    fn knows(&self, name: &str) -> bool {
        self.slots.contains_key(name) || self.around.is_some_and(|around| around.knows(name))
    }

    fn read(&mut self, name: &str, reader: &str) -> Result<usize, LoadError> {
        match self.slots.get(name) {
            Some(slot) => Ok(*slot),
            None if self.knows(name) => {
                self.captured.push(name.to_owned());
                self.define(name)
            }
            None => Err(unknown(name, reader)),
        }
    }

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
        "TopK" | "Split" | "Compress" | "If" | "Loop" => 1,
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
        // The version is of no matter: onnxruntime has one.
        None if domain == ops::MICROSOFT => Ok(1),
        None => Err(LoadError::BrokenGraph(format!("the operator set of the domain `{domain}` is not declared"))),
    }
}
