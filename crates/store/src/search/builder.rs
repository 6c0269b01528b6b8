//! A statement that grows: its parameters, and the conditions that filter and order share.

use kilter_domain::search::DatasetSelector;

use crate::database::{Dialect, Value};

pub(super) struct Builder {
    pub dialect: Dialect,
    /// The parameters, in the order of their numbers.
    pub values: Vec<Value>,
}

impl Builder {
    pub(super) const fn new(dialect: Dialect) -> Self {
        Self { dialect, values: Vec::new() }
    }

    /// The place of a parameter.
    pub(super) fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        self.dialect.placeholder(self.values.len())
    }

    pub(super) fn bind_text(&mut self, text: &str) -> String {
        self.bind(Value::Text(text.to_owned()))
    }

    /// Whether a row of metrics, by its alias, is of the metric `name`.
    pub(super) fn is_metric(&mut self, row: &str, name: &str) -> String {
        format!("{row}.metric = (SELECT key FROM metric WHERE name = {})", self.bind_text(name))
    }

    /// Whether a row of metrics of logged models is of one of the datasets.
    pub(super) fn measured_on(&mut self, datasets: &[DatasetSelector]) -> String {
        let one = |dataset: &DatasetSelector| {
            let name = self.bind_text(&dataset.name);
            match &dataset.digest {
                Some(digest) => format!("x.dataset_name = {name} AND x.dataset_digest = {}", self.bind_text(digest)),
                None => format!("x.dataset_name = {name}"),
            }
        };
        format!("({})", datasets.iter().map(one).collect::<Vec<_>>().join(" OR "))
    }
}
