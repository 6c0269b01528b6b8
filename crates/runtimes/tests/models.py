"""Writes the models of the tests with the real MLflow: `models.py FOLDER`. What Python answers to their rows is in `FOLDER/expected.json`."""

import json
import os
import sys
import time
import warnings
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.ensemble import RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.svm import LinearSVC

warnings.filterwarnings("ignore")


class Rules(mlflow.pyfunc.PythonModel):
    """A model by hand: of text, whole numbers, booleans and times, some of them missing."""

    def predict(self, context, model_input, params=None):
        city = model_input["city"].map(lambda city: 0.0 if pd.isna(city) else float(len(city)))
        age = model_input["age"].fillna(-1.0)
        since = model_input["since"].map(lambda since: 0.0 if pd.isna(since) else since.timestamp() / 86_400)
        return (city + 100 * age + 10_000 * model_input["count"] + model_input["member"] * 0.5 + since * 1e6).to_numpy()


class Choice(mlflow.pyfunc.PythonModel):
    """Answers labels alone."""

    def predict(self, context, model_input, params=None):
        return ["yes" if value > 0 else "no" for value in model_input["x"]]


class Trouble(mlflow.pyfunc.PythonModel):
    """Does what models do: by the number that it is asked."""

    def predict(self, context, model_input, params=None):
        values = model_input["x"].to_numpy()
        if (values == -1).any():
            raise ValueError("-1 is not taken")
        if (values == -2).any():
            raise KeyError("a table that is gone")
        if (values == -3).any():
            print("last words", file=sys.stderr, flush=True)
            os._exit(3)
        if (values == -4).any():
            time.sleep(60)
        if (values == -5).any():
            return values[:1].repeat(len(values) + 1)
        if (values == -6).any():
            return np.frombuffer(bytearray(1 << 33), dtype=np.uint8)
        if (values == -7).any():
            sys.stdin.read()
            print("printed")
            return np.where(values == -7, float(not any("TOKEN" in name or "SECRET" in name for name in os.environ)), values * 2)
        if (values == -8).any():
            return np.where(values == -8, float(os.getpid()), values * 2)
        if (values == -9).any():
            time.sleep(0.05)
        return values * 2


def save(folder, name, **how):
    mlflow.pyfunc.save_model(str(folder / name), pip_requirements=["mlflow"], **how)


def main(folder):
    expected = {}
    rules = pd.DataFrame(
        {
            "city": ["Kyoto", None, "Ås"],
            "age": [1.5, float("nan"), 3.0],
            "count": np.array([1, 2, 3], dtype="int64"),
            "member": [True, False, True],
            "since": pd.to_datetime(["2026-01-02T03:04:05.678", None, "1969-12-31T00:00:00.000"]),
        }
    )
    answers = Rules().predict(None, rules)
    save(folder, "rules", python_model=Rules(), signature=infer_signature(rules, answers))
    expected["rules"] = mlflow.pyfunc.load_model(str(folder / "rules")).predict(rules).tolist()

    x = pd.DataFrame({"x": [1.0, -2.0, 0.0]})
    save(
        folder, "choice", python_model=Choice(), signature=infer_signature(x, ["a"]), metadata={"classes": ["no", "yes"]}
    )
    save(folder, "unstated", python_model=Choice(), signature=infer_signature(x, ["a"]))
    save(folder, "trouble", python_model=Trouble(), signature=infer_signature(x, np.array([1.0])))
    save(folder, "unsigned", python_model=Trouble())

    rng = np.random.default_rng(1)
    block = rng.normal(size=(200, 5))
    classes = np.array(["low", "mid", "high"])[np.digitize(block[:, 0], [-0.5, 0.5])]
    forest = RandomForestClassifier(n_estimators=20, random_state=1).fit(block, classes)
    mlflow.sklearn.save_model(
        forest, str(folder / "forest"), signature=infer_signature(block, classes), pip_requirements=["scikit-learn"], serialization_format="cloudpickle"
    )
    rows = rng.normal(size=(20, 5))
    expected["forest_rows"] = rows.tolist()
    expected["forest"] = {"classes": forest.classes_.tolist(), "probabilities": forest.predict_proba(rows).ravel().tolist()}
    expected["forest"]["labels"] = forest.predict(rows).tolist()

    named = pd.DataFrame(block, columns=list("abcde"))
    process = GaussianProcessRegressor(random_state=1).fit(named, block.sum(axis=1))
    mlflow.sklearn.save_model(
        process, str(folder / "process"), signature=infer_signature(named, process.predict(named)), pip_requirements=["scikit-learn"], serialization_format="cloudpickle"
    )
    expected["process"] = process.predict(pd.DataFrame(rows, columns=list("abcde"))).tolist()

    margin = LinearSVC(random_state=1).fit(block, block[:, 0] > 0)
    mlflow.sklearn.save_model(
        margin, str(folder / "margin"), signature=infer_signature(block, margin.predict(block)), pip_requirements=["scikit-learn"], serialization_format="cloudpickle"
    )
    expected["margin"] = margin.decision_function(rows).tolist()

    wide = pd.DataFrame(np.zeros((2, 50)), columns=[f"c{at}" for at in range(50)])

    class Sum(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input.to_numpy().sum(axis=1)

    save(folder, "sum", python_model=Sum(), signature=infer_signature(wide, np.zeros(2)))
    (folder / "expected.json").write_text(json.dumps(expected))


main(Path(sys.argv[1]))
