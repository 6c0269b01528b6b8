"""Loads a Kilter package as an MLflow pyfunc model: one column per input in, score, label and probabilities out.

Needs numpy, pandas, and what reads the model: onnxruntime, lightgbm, xgboost, or for a model folder of MLflow the packages that it states. Written
by Kilter into every package; it runs no code of the project, but for such a folder, whose model is code.
"""

import json
from pathlib import Path

import numpy as np
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
        readers = {"lightgbm": _LightGbm, "xgboost-json": _Xgboost, "xgboost-ubjson": _Xgboost, "pyfunc": _Pyfunc}
        self.answer = readers.get(package.get("format"), _Onnx)(model_path, self.signature)

    def predict(self, model_input, params=None):
        """A frame with `score`, and for classes `label` and one `probability_CLASS` each."""
        frame = model_input if isinstance(model_input, pd.DataFrame) else pd.DataFrame(model_input)
        classes = self.signature.get("classes", [])
        numbers = self.answer(frame)
        if not classes:
            return pd.DataFrame({"score": numbers[:, 0]}, index=frame.index)
        answers = {}
        if self.signature["task"] == "binary":
            score = numbers[:, 1].astype(np.float64)
            answers["score"] = score
            answers["label"] = np.where(score >= self.threshold, classes[1], classes[0])
        else:
            best = numbers.argmax(axis=1)
            answers["score"] = numbers[np.arange(len(best)), best].astype(np.float64)
            answers["label"] = np.asarray(classes, dtype=object)[best]
        for place, name in enumerate(classes):
            answers[f"probability_{name}"] = numbers[:, place].astype(np.float32)
        return pd.DataFrame(answers, index=frame.index)


class _Onnx:
    """An ONNX file."""

    def __init__(self, path, signature):
        import onnxruntime

        self.signature = signature
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def __call__(self, frame):
        outputs = self.session.run(None, self._feeds(frame))
        width = len(self.signature.get("classes", [])) or 1
        if width == 1:
            return _numbers(outputs[0], 1)
        names = [output.name for output in self.session.get_outputs()]
        return _numbers(outputs[_position(names, outputs, len(frame), width)], width)

    def _feeds(self, frame):
        inputs = self.session.get_inputs()
        by_name = {described["name"]: described for described in self.signature["inputs"]}
        if all(tensor.name in by_name for tensor in inputs):
            return {tensor.name: _shaped(_column(frame, by_name[tensor.name]), tensor) for tensor in inputs}
        # A foreign model of one block takes its numbers in the order of the signature.
        columns = [_column(frame, described) for described in self.signature["inputs"]]
        dtype = np.float64 if inputs[0].type == "tensor(double)" else np.float32
        return {inputs[0].name: np.stack(columns, axis=1).astype(dtype)}


class _LightGbm:
    """The text of a LightGBM model."""

    def __init__(self, path, signature):
        import lightgbm

        self.signature = signature
        self.booster = lightgbm.Booster(model_file=str(path))
        named = self.booster.params.get("categorical_feature", [])
        named = named.split(",") if isinstance(named, str) else named
        self.categorical = {int(place) for place in named} if self.booster.pandas_categorical else set()

    def __call__(self, frame):
        rows = _columns(frame, self.signature, self.categorical)
        return _by_class(self.booster.predict(rows), self.signature, False)


class _Xgboost:
    """The JSON or UBJSON of an XGBoost model."""

    def __init__(self, path, signature):
        import xgboost

        self.xgboost = xgboost
        self.signature = signature
        self.booster = xgboost.Booster(model_file=str(path))
        learner = json.loads(self.booster.save_raw("json"))["learner"]
        booster = learner["gradient_booster"]
        model = booster.get("gbtree", booster).get("model", {})
        named = model.get("cats", {}).get("enc", [])
        self.categorical = {place for place, names in enumerate(named) if names["values"]}
        self.objective = learner["objective"]["name"]
        attributes = self.booster.attributes()
        early = "scikit_learn" in attributes and "best_iteration" in attributes
        self.iterations = (0, int(attributes["best_iteration"]) + 1 if early else 0)

    def __call__(self, frame):
        rows = _columns(frame, self.signature, self.categorical)
        rows.columns = self.booster.feature_names or rows.columns
        matrix = self.xgboost.DMatrix(rows, feature_types=self.booster.feature_types, enable_categorical=True)
        softmax = self.objective == "multi:softmax"
        answers = self.booster.predict(matrix, iteration_range=self.iterations, output_margin=softmax)
        if softmax:
            raised = np.exp(answers - answers.max(axis=1, keepdims=True))
            answers = raised / raised.sum(axis=1, keepdims=True)
        return _by_class(answers, self.signature, self.objective == "binary:logitraw")


class _Pyfunc:
    """The archive of a model folder of MLflow."""

    def __init__(self, path, signature):
        import tarfile
        import tempfile

        import mlflow.pyfunc

        self.signature = signature
        self.folder = tempfile.TemporaryDirectory(prefix="kilter-model-")
        with tarfile.open(path) as archive:
            archive.extractall(self.folder.name, filter="data")
        self.model = mlflow.pyfunc.load_model(self.folder.name)

    def __call__(self, frame):
        classes = self.signature.get("classes", [])
        is_estimator = {"sklearn", "xgboost", "lightgbm", "catboost"} & set(self.model.metadata.flavors)
        raw = self.model.get_raw_model() if classes and is_estimator else None
        if hasattr(raw, "predict_proba"):
            return np.asarray(raw.predict_proba(frame))
        if hasattr(raw, "decision_function"):
            margins = np.asarray(raw.decision_function(frame))
            return np.stack([-margins, margins], axis=1) if margins.ndim == 1 else margins
        answers = self.model.predict(frame)
        named = [f"probability_{name}" for name in classes]
        if classes and isinstance(answers, pd.DataFrame) and set(named) <= set(answers.columns):
            return answers[named].to_numpy()
        numbers = np.asarray(answers)
        if not classes or numbers.shape == (len(frame), len(classes)):
            return numbers.reshape(len(frame), -1)
        places = {name: place for place, name in enumerate(classes)}
        chosen = [places[str(label)] for label in numbers.ravel().tolist()]
        return np.eye(len(classes))[chosen]


def _columns(frame, signature, categorical):
    columns = {}
    for place, described in enumerate(signature["inputs"]):
        name = described["name"]
        if name not in frame.columns:
            raise ValueError(f"the column `{name}` is missing")
        values = frame[name]
        if place in categorical:
            columns[name] = _categories(values)
        else:
            columns[name] = pd.to_numeric(values.astype(object).where(values.notna(), np.nan)).astype(np.float64)
    return pd.DataFrame(columns)


def _categories(values):
    """Categories; whole numbers that stand beside missing ones are whole numbers still."""
    present = values.dropna()
    if pd.api.types.is_float_dtype(values) and (present == np.floor(present)).all():
        kinds = pd.Index(sorted({int(value) for value in present}), dtype=np.int64)
        values = pd.Series(pd.Categorical([None if pd.isna(value) else int(value) for value in values], kinds), values.index)
    return values.astype("category")


def _by_class(answers, signature, is_margin):
    numbers = np.asarray(answers)
    if numbers.ndim == 2:
        return numbers
    if signature["task"] == "binary":
        return np.stack([-numbers if is_margin else 1 - numbers, numbers], axis=1)
    return numbers.reshape(-1, 1)


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
