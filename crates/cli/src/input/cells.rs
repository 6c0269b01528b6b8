//! Single cells of a table, as they are sent to a server.

use kilter_domain::{table::Column, time::Timestamp};
use serde_json::{Value, json};

/// A cell as JSON; what is missing is `null`.
pub(crate) fn json_at(column: &Column, row: usize) -> Value {
    match column {
        Column::Bool(values) => json!(values[row]),
        Column::Int(values) => json!(values[row]),
        // NaN, which is missing, is null in JSON.
        Column::Float(values) => json!(values[row]),
        _ => json!(column.label(row)),
    }
}

/// A cell as a time; `None` where it is missing, or none.
pub(crate) fn time_at(column: &Column, row: usize) -> Option<Timestamp> {
    match column {
        Column::Time(values) => values[row].map(Timestamp),
        _ => column.label(row)?.parse().ok(),
    }
}
