//! The rows of a table that a version can be asked, as a request says them.

use kilter_domain::table::{Column, Table, TableError};
use kilter_inference::{Input, InputKind, Signature};

/// Rows of `table`, evenly over it, with the columns that the model reads, as a request says them. JSON has no infinity:
/// rows with one cannot be asked.
pub(super) fn requests(signature: &Signature, table: &Table, count: usize) -> Result<Option<Table>, TableError> {
    let columns: Vec<(&Input, &Column)> =
        signature.inputs.iter().filter_map(|input| Some((input, table.get(&input.name)?))).collect();
    let sendable = |row: &usize| !columns.iter().any(|(_, column)| column.number(*row).is_infinite());
    let rows: Vec<usize> = (0..table.rows()).filter(sendable).collect();
    let count = count.min(rows.len());
    if count == 0 || columns.is_empty() {
        return Ok(None);
    }
    let chosen: Vec<usize> = (0..count).map(|at| rows[at * rows.len() / count]).collect();
    let mut requests = Table::default();
    for (input, column) in columns {
        requests.push(input.name.clone(), as_sent(column.take(&chosen), input.kind))?;
    }
    Ok(Some(requests))
}

/// The column of a kind that clients send for this input.
fn as_sent(column: Column, kind: InputKind) -> Column {
    match (kind, column) {
        (InputKind::Text, Column::Text(values)) => Column::Text(values),
        (InputKind::Text, column) => Column::Text((0..column.len()).map(|row| column.label(row)).collect()),
        // A column without any value may be stored as one of texts or times.
        (InputKind::Number | InputKind::Integer | InputKind::Boolean, column @ (Column::Text(_) | Column::Time(_))) => {
            Column::Float(vec![f64::NAN; column.len()])
        }
        (_, column) => column,
    }
}
