"""Loads a Kilter package as an MLflow pyfunc model: one column per input in, score, label and probabilities out.

Needs numpy, pandas and onnxruntime. Written by Kilter into every package; it runs no code of the project.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd

MISSING_TIME = np.iinfo(np.int64).min


def _load_pyfunc(data_path):
    return KilterModel(Path(data_path))


class KilterModel:
    """The model of a package."""

    def __init__(self, model_path):
        package = json.loads((model_path.parent.parent / "package.json").read_text(encoding="utf-8"))
        self.signature = package["signature"]
        self.threshold = package["threshold"]
        self.session = onnxruntime.InferenceSession(str(model_path), providers=["CPUExecutionProvider"])

    def predict(self, model_input, params=None):
        """A frame with `score`, and for classes `label` and one `probability_CLASS` each."""
        frame = model_input if isinstance(model_input, pd.DataFrame) else pd.DataFrame(model_input)
        outputs = self.session.run(None, self._feeds(frame))
        names = [output.name for output in self.session.get_outputs()]
        classes = self.signature.get("classes", [])
        if not classes:
            return pd.DataFrame({"score": _numbers(outputs[0], 1)[:, 0]}, index=frame.index)
        probabilities = _numbers(outputs[_position(names, outputs, len(frame), len(classes))], len(classes))
        answers = {}
        if self.signature["task"] == "binary":
            score = probabilities[:, 1].astype(np.float64)
            answers["score"] = score
            answers["label"] = np.where(score >= self.threshold, classes[1], classes[0])
        else:
            best = probabilities.argmax(axis=1)
            answers["score"] = probabilities[np.arange(len(best)), best].astype(np.float64)
            answers["label"] = np.asarray(classes, dtype=object)[best]
        for place, name in enumerate(classes):
            answers[f"probability_{name}"] = probabilities[:, place]
        return pd.DataFrame(answers, index=frame.index)

    def _feeds(self, frame):
        inputs = self.session.get_inputs()
        by_name = {described["name"]: described for described in self.signature["inputs"]}
        if all(tensor.name in by_name for tensor in inputs):
            return {tensor.name: _shaped(_column(frame, by_name[tensor.name]), tensor) for tensor in inputs}
        # A foreign model of one block takes its numbers in the order of the signature.
        columns = [_column(frame, described) for described in self.signature["inputs"]]
        dtype = np.float64 if inputs[0].type == "tensor(double)" else np.float32
        return {inputs[0].name: np.stack(columns, axis=1).astype(dtype)}


def _column(frame, described):
    name, kind = described["name"], described["kind"]
    if name not in frame.columns:
        if not described.get("optional", False):
            raise ValueError(f"the column `{name}` is missing")
        values = pd.Series([None] * len(frame), dtype=object)
    else:
        values = frame[name]
    if kind == "text":
        return np.array(["" if pd.isna(value) else str(value) for value in values], dtype=object)
    if kind == "time":
        if pd.api.types.is_datetime64_any_dtype(values):
            values = pd.Series(values).dt.as_unit("ms").astype("int64").where(values.notna(), MISSING_TIME)
        return np.array([MISSING_TIME if pd.isna(value) else int(value) for value in values], dtype=np.int64)
    if kind == "integer":
        return pd.to_numeric(values).to_numpy(dtype=np.int64)
    return pd.to_numeric(values.astype(object).where(values.notna(), np.nan)).to_numpy(dtype=np.float32)


def _shaped(values, tensor):
    dtypes = {"tensor(double)": np.float64, "tensor(float)": np.float32, "tensor(int64)": np.int64}
    if tensor.type in dtypes:
        values = values.astype(dtypes[tensor.type])
    return values.reshape(-1, 1) if len(tensor.shape) == 2 else values


def _position(names, outputs, rows, width):
    for place, name in enumerate(names):
        if "prob" in name.lower() or "score" in name.lower():
            return place
    for place, output in enumerate(outputs):
        if np.ndim(output) == 2 and np.shape(output) == (rows, width):
            return place
    return len(outputs) - 1


def _numbers(output, width):
    if isinstance(output, list) and output and isinstance(output[0], dict):
        output = [list(row.values()) for row in output]
    numbers = np.asarray(output)
    if numbers.ndim == 1 and width == 2:
        numbers = np.stack([1 - numbers, numbers], axis=1)
    numbers = numbers.reshape(-1, numbers.shape[-1] if numbers.ndim == 2 else 1)
    if numbers.shape[1] == 1 and width == 2:
        numbers = np.concatenate([1 - numbers, numbers], axis=1)
    return numbers
