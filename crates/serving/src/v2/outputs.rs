//! The outputs that a request asks for, and how it wants each: as JSON, as binary data, as its best classes.

use std::fmt;

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor},
};

use super::{V2Error, context::Context};

/// How the outputs of an answer are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputFormat {
    /// Whether outputs that state nothing of their own are binary data (`binary_data_output` of the request).
    pub binary: bool,
    /// Outputs that state something of their own.
    pub by_name: Vec<(String, OutputOptions)>,
}

/// What a request states of one output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputOptions {
    /// Whether it is binary data.
    pub binary: Option<bool>,
    /// How many of its best classes are wanted in place of its values.
    pub classification: Option<u32>,
}

impl OutputFormat {
    /// Whether an output is written as binary data.
    pub fn is_binary(&self, output: &str) -> bool {
        self.options(output).binary.unwrap_or(self.binary)
    }

    /// How many of its best classes are wanted of an output in place of its values.
    pub fn classification(&self, output: &str) -> Option<usize> {
        self.options(output).classification.map(|classes| classes as usize)
    }

    /// Whether any output of an answer may differ from plain JSON.
    pub fn is_plain(&self) -> bool {
        !self.binary && self.by_name.is_empty()
    }

    fn options(&self, output: &str) -> OutputOptions {
        let stated = self.by_name.iter().find(|(name, _)| name == output);
        stated.map(|(_, options)| *options).unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Output {
    name: String,
    #[serde(default)]
    parameters: Option<OutputParameters>,
}

#[derive(Default, Deserialize)]
struct OutputParameters {
    binary_data: Option<bool>,
    classification: Option<u32>,
    shared_memory_region: Option<serde::de::IgnoredAny>,
}

/// The names of the outputs that are wanted, and what is stated of them.
pub(super) struct OutputsSeed<'a>(pub(super) &'a Context<'a>);

type Outputs = (Vec<String>, Vec<(String, OutputOptions)>);

impl<'de> DeserializeSeed<'de> for OutputsSeed<'_> {
    type Value = Outputs;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Outputs, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OutputsSeed<'_> {
    type Value = Outputs;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of outputs, each an object with its `name`")
    }

    fn visit_unit<E: Error>(self) -> Result<Outputs, E> {
        Ok(Outputs::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Outputs, A::Error> {
        let (mut names, mut stated) = Outputs::default();
        let limit = self.0.limits.inputs;
        while let Some(Output { name, parameters }) = list.next_element()? {
            if names.len() == limit {
                return Err(self.0.fault.raise(V2Error::TooManyOutputs { limit }));
            }
            if let Some(parameters) = parameters {
                if parameters.shared_memory_region.is_some() {
                    let problem =
                        format!("asks for the output `{name}` in shared memory, which this server does not have");
                    return Err(self
                        .0
                        .fault
                        .raise(V2Error::BadParameter { name: "shared_memory_region".into(), problem }));
                }
                let OutputParameters { binary_data: binary, classification, .. } = parameters;
                stated.push((name.clone(), OutputOptions { binary, classification }));
            }
            names.push(name);
        }
        Ok((names, stated))
    }
}
