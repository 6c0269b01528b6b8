"""Writes small nets that our own executor refuses, and what onnxruntime answers: `write_nets.py FOLDER`."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(sys.argv[1])
rng = np.random.default_rng(5)


def weights(name, *shape):
    return numpy_helper.from_array((rng.normal(size=shape) * 0.3).astype("float32"), name)


def constant(name, values, dtype):
    return numpy_helper.from_array(np.array(values, dtype=dtype), name)


def write(name, graph, rows):
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (answer,) = session.run([graph.output[0].name], {graph.input[0].name: rows})
    document = {"rows": rows.reshape(len(rows), -1).tolist(), "answers": answer.reshape(-1).tolist()}
    (FOLDER / f"{name}.answers.json").write_text(json.dumps(document))


def convolution():
    """Pictures of 1 x 6 x 6: a convolution, its largest values, and three classes."""
    nodes = [
        helper.make_node("Conv", ["picture", "kernel", "bias"], ["maps"], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["maps"], ["positive"]),
        helper.make_node("MaxPool", ["positive"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "dense", "offset"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    return helper.make_graph(
        nodes,
        "convolution",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["N", 1, 6, 6])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3])],
        [weights("kernel", 4, 1, 3, 3), weights("bias", 4), weights("dense", 16, 3), weights("offset", 3)],
    )


def recurrent():
    """Series of 5 steps of 2 numbers: an LSTM, and one value."""
    nodes = [
        helper.make_node("Transpose", ["series"], ["by_step"], perm=[1, 0, 2]),
        helper.make_node("LSTM", ["by_step", "w", "r", "b"], ["", "last"], hidden_size=3),
        helper.make_node("Squeeze", ["last", "first"], ["state"]),
        helper.make_node("Gemm", ["state", "dense", "offset"], ["value"]),
    ]
    return helper.make_graph(
        nodes,
        "recurrent",
        [helper.make_tensor_value_info("series", TensorProto.FLOAT, ["N", 5, 2])],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["N", 1])],
        [
            weights("w", 1, 12, 2),
            weights("r", 1, 12, 3),
            weights("b", 1, 24),
            weights("dense", 3, 1),
            weights("offset", 1),
            constant("first", [0], "int64"),
        ],
    )


write("convolution", convolution(), rng.normal(size=(7, 1, 6, 6)).astype("float32"))
write("recurrent", recurrent(), rng.normal(size=(7, 5, 2)).astype("float32"))
