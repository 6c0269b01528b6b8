//! A constant of an ONNX file as a tensor.

use std::sync::Arc;

use crate::{
    onnx::{TensorData, TensorProto},
    tensor::{Tensor, Value},
};

/// A constant tensor as a value.
pub(crate) fn constant_value(tensor: &TensorProto) -> Result<Value, String> {
    let dims = tensor.dims.iter().map(|&dim| usize::try_from(dim).map_err(|_| format!("{dim} is not a size")));
    let dims = dims.collect::<Result<Vec<_>, _>>()?;
    Ok(match &tensor.data {
        TensorData::Float(data) => Value::Float(Tensor::constant(&dims, data.clone())?),
        TensorData::Double(data) => Value::Double(Tensor::constant(&dims, data.clone())?),
        TensorData::Int(data) => Value::Int(Tensor::constant(&dims, data.clone())?),
        TensorData::Bool(data) => Value::Bool(Tensor::constant(&dims, data.clone())?),
        TensorData::Text(data) => {
            Value::Text(Tensor::constant(&dims, data.iter().map(|text| Arc::from(text.as_str())).collect())?)
        }
    })
}
