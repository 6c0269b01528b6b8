//! Files of models: ONNX, LightGBM text, XGBoost JSON and UBJSON. What loads is asked for rows, and explained.
#![no_main]

use kilter_domain::table::{Column, Table};
use kilter_inference::{InputKind, Model};
use libfuzzer_sys::fuzz_target;

/// Models with more inputs are not asked: a table of them says nothing new.
const MAX_INPUTS: usize = 64;

fuzz_target!(|data: &[u8]| {
    let Ok(model) = Model::from_bytes(data) else { return };
    let inputs = &model.signature().inputs;
    if inputs.len() > MAX_INPUTS {
        return;
    }
    let column = |kind: InputKind| match kind {
        InputKind::Number => Column::Float(vec![0.5, f64::NAN, -1e300, 3.0]),
        InputKind::Integer => Column::Int(vec![Some(1), None, Some(i64::MIN), Some(7)]),
        InputKind::Boolean => Column::Bool(vec![Some(true), None, Some(false), Some(true)]),
        InputKind::Text => Column::Text(vec![Some("a".into()), None, Some("".into()), Some("ü b".into())]),
        InputKind::Time => Column::Time(vec![Some(0), None, Some(i64::MAX), Some(5)]),
    };
    let columns = inputs.iter().map(|input| (input.name.clone(), column(input.kind))).collect();
    let Ok(table) = Table::new(columns) else { return };
    let _ = model.predict(&table);
    let _ = model.predict(&table.take(&[0, 3]));
    let _ = model.explain(&table.take(&[0]));
});
