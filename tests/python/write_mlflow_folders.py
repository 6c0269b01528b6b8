"""Writes two folders with the real MLflow: write_mlflow_folders.py MODEL.onnx.

`whole` has the given model; `split` has a network whose larger tensors MLflow puts into another file. `rows.csv` and `answers.json` are
rows for the network and what MLflow answers to them.
"""

import json
import sys

import mlflow
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

mlflow.onnx.save_model(onnx.load(sys.argv[1]), "whole")

random = np.random.RandomState(7)
tensors = [
    numpy_helper.from_array(random.rand(4, 300).astype("float32"), "weights"),
    numpy_helper.from_array(random.rand(300, 1).astype("float32"), "output"),
]
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "weights"], ["hidden"]), helper.make_node("MatMul", ["hidden", "output"], ["y"])],
    "network",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
    tensors,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
mlflow.onnx.save_model(model, "split")

rows = random.rand(20, 4).astype("float32")
with open("rows.csv", "w") as out:
    out.write("x_0,x_1,x_2,x_3\n" + "".join(",".join(str(value) for value in row) + "\n" for row in rows))
answers = mlflow.pyfunc.load_model("split").predict(rows)
with open("answers.json", "w") as out:
    json.dump([float(value) for value in answers["y"].ravel()], out)
