//! Tables as JSON, exchanged with the Python side: `[{"name", "type", "values": [...]}]`, `null` is missing.

use std::sync::Arc;

use kilter_domain::table::{Column, Table};
use serde_json::{Value, json};

/// Reads a table.
#[allow(dead_code)]
pub fn table_from_json(text: &str) -> Table {
    let columns: Vec<Value> = serde_json::from_str(text).expect("a JSON table");
    let column = |column: &Value| {
        let values = column["values"].as_array().expect("values");
        let column_of = match column["type"].as_str().expect("a type") {
            "float" => Column::Float(values.iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()),
            "int" => Column::Int(values.iter().map(Value::as_i64).collect()),
            "bool" => Column::Bool(values.iter().map(Value::as_bool).collect()),
            "text" => Column::Text(values.iter().map(|v| v.as_str().map(Arc::from)).collect()),
            "time" => Column::Time(values.iter().map(Value::as_i64).collect()),
            other => panic!("no type {other}"),
        };
        (column["name"].as_str().expect("a name").to_owned(), column_of)
    };
    Table::new(columns.iter().map(column).collect()).expect("a table")
}

/// Writes a table.
#[allow(dead_code)]
pub fn table_to_json(table: &Table) -> Value {
    let values = |column: &Column| -> (&str, Vec<Value>) {
        match column {
            Column::Float(values) => ("float", values.iter().map(|&v| json!(v.is_finite().then_some(v))).collect()),
            Column::Int(values) => ("int", values.iter().map(|v| json!(v)).collect()),
            Column::Bool(values) => ("bool", values.iter().map(|v| json!(v)).collect()),
            Column::Text(values) => ("text", values.iter().map(|v| json!(v.as_deref())).collect()),
            Column::Time(values) => ("time", values.iter().map(|v| json!(v)).collect()),
        }
    };
    let columns = table.columns().map(|(name, column)| {
        let (kind, values) = values(column);
        json!({ "name": name, "type": kind, "values": values })
    });
    Value::Array(columns.collect())
}
