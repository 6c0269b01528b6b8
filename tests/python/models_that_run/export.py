"""From a trained estimator to ONNX bytes, and to the answers that it gives itself."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import pandas as pd
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as LightFloats
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType

_make_attribute = onnx.helper.make_attribute


def make_attribute(key, value, *rest, **more):
    """skl2onnx 1.20 hands numpy's numbers of HistGradientBoosting to onnx, which takes those of Python alone."""
    if isinstance(value, list):
        value = [item.item() if isinstance(item, np.generic) else item for item in value]
        value = [int(item) if isinstance(item, bool) else item for item in value]
    return _make_attribute(key, value, *rest, **more)


onnx.helper.make_attribute = make_attribute

TARGET = {"": 17, "ai.onnx.ml": 3}


def lightgbm_as_onnx(entry):
    width = entry.rows.shape[1]
    return convert_lightgbm(entry.fitted(), initial_types=[("X", LightFloats([None, width]))], zipmap=False, target_opset=15).SerializeToString()


def xgboost_as_onnx(entry):
    width = entry.rows.shape[1]
    return convert_xgboost(entry.fitted(), initial_types=[("X", LightFloats([None, width]))], target_opset=15).SerializeToString()


@dataclass
class Answer:
    """What the library says: numbers by row and class (or one value a row), and labels of a classifier."""

    numbers: Any
    labels: Any = None
    classes: Any = None


@dataclass
class Entry:
    """One model of the table. `rows` are a matrix, or a frame whose columns become inputs of their own."""

    name: str
    title: str
    model: Any
    train: Any
    target: Any
    rows: Any
    library: str = "scikit-learn"
    note: str = ""
    tolerance: float = 2e-6
    options: Any = None
    kind: str = "float"
    method: str | None = None
    outputs: Any = None
    target_opset: Any = None
    answers: Any = None
    converter: Any = None
    fit: Any = None
    _fitted: bool = field(default=False, repr=False)

    def fitted(self):
        if not self._fitted:
            if self.fit is not None:
                self.fit(self.model, self.train, self.target)
            elif self.target is None:
                self.model.fit(self.train)
            else:
                self.model.fit(self.train, self.target)
            self._fitted = True
        return self.model

    def columns(self):
        if isinstance(self.rows, pd.DataFrame):
            return [(name, self.rows[name].tolist()) for name in self.rows]
        if isinstance(self.rows, list):
            return [("text", self.rows)]
        width = self.rows.shape[1]
        name = lambda at: "X" if width == 1 else f"X_{at}"
        return [(name(at), self.rows[:, at].tolist()) for at in range(width)]

    def types(self):
        floats = {"float": FloatTensorType, "double": DoubleTensorType, "integer": Int64TensorType, "text": StringTensorType}[self.kind]
        if isinstance(self.rows, pd.DataFrame):
            def of(name):
                kind = self.rows[name].dtype.kind
                return (Int64TensorType if kind == "i" else floats if kind == "f" else StringTensorType)([None, 1])
            return [(name, of(name)) for name in self.rows]
        if isinstance(self.rows, list):
            return [("text", StringTensorType([None, 1]))]
        return [("X", floats([None, self.rows.shape[1]]))]

    def onnx(self):
        model = self.fitted()
        if self.converter is not None:
            return self.converter(self)
        options = {id(model): self.options} if self.options and not self.options.get("global") else None
        if self.options and self.options.get("global"):
            options = self.options["global"]
        proto = convert_sklearn(
            model, initial_types=self.types(), target_opset=self.target_opset or TARGET, options=options,
            final_types=self.outputs,
        )
        return proto.SerializeToString()

    def answer(self):
        model = self.fitted()
        if self.answers is not None:
            return self.answers(model, self.rows)
        if self.method is None:
            is_classifier = hasattr(model, "classes_") and hasattr(model, "predict")
            method = "predict_proba" if is_classifier and hasattr(model, "predict_proba") else "decision_function" if is_classifier else "predict"
        else:
            method, is_classifier = self.method, hasattr(model, "classes_")
        numbers = np.asarray(getattr(model, method)(self.rows), dtype=float)
        if numbers.ndim == 1:
            numbers = numbers.reshape(-1, 1)
        if not is_classifier:
            return Answer(numbers)
        return Answer(numbers, model.predict(self.rows), model.classes_)
