"""Models that other tools wrote, with the answers of onnxruntime, for `crates/cli/tests/commands/foreign_models.rs`.

    pip install skl2onnx==1.20.0 onnxmltools==1.16.0 lightgbm==4.7.0 scikit-learn==1.9.1 onnxruntime==1.32.0 pandas
    python make.py ../../../crates/cli/tests/data/foreign

Each NAME.onnx has a NAME.csv: the feature columns a to d, then `label` (what the model decides) and `right` (the
probability of the second class, the value) or `right_CLASS` (the probability of each class).
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType as LightFloats
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    GammaRegressor,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    RidgeClassifier,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

warnings.filterwarnings("ignore")
FOLDER = Path(sys.argv[1])
NAMES = ["a", "b", "c", "d"]
random = np.random.default_rng(7)
X = random.normal(size=(300, 4)).astype(np.float32)
X[:, 3] = random.integers(0, 12, size=300)
noise = random.normal(size=300)
BINARY = (X[:, 0] + X[:, 1] * X[:, 2] + 0.5 * noise + np.isin(X[:, 3], [3, 7, 9]) > 0.3).astype(int)
LEVELS = np.array(["low", "mid", "top"])[np.digitize(X[:, 0] + 0.1 * X[:, 3] + 0.3 * noise, [0.0, 1.0])]
VALUE = X[:, 0] * 2 + np.sin(X[:, 1]) + 0.1 * noise + np.isin(X[:, 3], [1, 4, 5, 8])
COUNT = np.exp(np.clip(VALUE / 3, -3, 3))


def put(name, model, doubles=False, frame=None):
    session = onnxruntime.InferenceSession(model)
    rows = X[:80].astype(np.float64 if doubles else np.float32)
    feeds, table = {session.get_inputs()[0].name: rows}, pd.DataFrame(X[:80].astype(np.float64), columns=NAMES)
    if frame is not None:
        feeds, table = {name: frame[name][:80].to_numpy().reshape(-1, 1) for name in frame}, frame[:80].copy()
    answers = session.run(None, feeds)
    if len(answers) == 1:
        table["right"] = np.ravel(answers[0])
    else:
        numbers = answers[1]
        if isinstance(numbers, list):
            classes, numbers = list(numbers[0]), np.array([list(row.values()) for row in numbers])
        else:
            classes = sorted(set(np.ravel(answers[0])))
        numbers = np.asarray(numbers).reshape(len(rows), -1)
        table["label"] = np.ravel(answers[0])
        if numbers.shape[1] <= 2:
            table["right"] = numbers[:, -1]
        else:
            for at, label in enumerate(classes):
                table[f"right_{label}"] = numbers[:, at]
    (FOLDER / f"{name}.onnx").write_bytes(model)
    table.to_csv(FOLDER / f"{name}.csv", index=False)


def sklearn(name, model, y, kind=FloatTensorType, ml=3, main=15, **options):
    model.fit(X, y)
    chosen = {id(model): options} if options else None
    types = [("X", kind([None, 4]))]
    onnx = convert_sklearn(model, initial_types=types, target_opset={"": main, "ai.onnx.ml": ml}, options=chosen)
    put(name, onnx.SerializeToString(), kind is DoubleTensorType)


def of_columns(name, model, y):
    """A pipeline that takes each column of a table as an input of its own."""
    model.fit(TABLE, y)
    texts = [str(TABLE[name].dtype) != "float32" for name in TABLE]
    types = [(name, (StringTensorType if text else FloatTensorType)([None, 1])) for name, text in zip(TABLE, texts)]
    onnx = convert_sklearn(model, initial_types=types, target_opset={"": 15, "ai.onnx.ml": 3})
    put(name, onnx.SerializeToString(), frame=TABLE)


def lightgbm(name, model, y, **settings):
    model.set_params(num_leaves=15, min_child_samples=5, min_data_per_group=5, verbose=-1, seed=0, **settings)
    model.fit(X, y, categorical_feature=[3])
    onnx = convert_lightgbm(model, initial_types=[("X", LightFloats([None, 4]))], zipmap=False, target_opset=15)
    put(name, onnx.SerializeToString())


sklearn("logistic", LogisticRegression(), BINARY)
sklearn("logistic_levels", LogisticRegression(), LEVELS)
sklearn("logistic_double", LogisticRegression(), BINARY, DoubleTensorType, zipmap=False)
sklearn("logistic_levels_double", LogisticRegression(), LEVELS, DoubleTensorType, zipmap=False)
sklearn("linear_double", LinearRegression(), VALUE, DoubleTensorType)
sklearn("poisson", PoissonRegressor(), COUNT)
sklearn("poisson_double", PoissonRegressor(), COUNT, DoubleTensorType)
sklearn("gamma", GammaRegressor(), COUNT)
sklearn("tweedie", TweedieRegressor(power=1.5, link="log"), COUNT)
sklearn("tweedie_identity", TweedieRegressor(power=0), VALUE)
sklearn("support_vectors", LinearSVC(), BINARY)
sklearn("support_vectors_levels", LinearSVC(), LEVELS)
sklearn("ridge", RidgeClassifier(), BINARY)
sklearn("ridge_levels", RidgeClassifier(), LEVELS)
sklearn("hinge", SGDClassifier(random_state=0), BINARY)
sklearn("forest", RandomForestClassifier(10, max_depth=4, random_state=0), BINARY)
sklearn("forest_levels", RandomForestClassifier(10, max_depth=3, random_state=0), LEVELS)
sklearn("forest_old", RandomForestClassifier(5, max_depth=3, random_state=0), LEVELS, ml=1, main=12)
sklearn("forest_double", RandomForestClassifier(10, max_depth=4, random_state=0), BINARY, DoubleTensorType, zipmap=False)
sklearn("forest_value", RandomForestRegressor(10, max_depth=4, random_state=0), VALUE)
sklearn("extra_trees", ExtraTreesClassifier(20, max_depth=4, random_state=0), BINARY)
sklearn("boosting_levels", GradientBoostingClassifier(n_estimators=5, max_depth=2), LEVELS)
lightgbm("light_sets", LGBMClassifier(n_estimators=5), BINARY, max_cat_to_onehot=1)
lightgbm("light_one_against_rest", LGBMClassifier(n_estimators=5), BINARY, max_cat_to_onehot=64)
lightgbm("light_levels", LGBMClassifier(n_estimators=4), LEVELS, max_cat_to_onehot=1)
lightgbm("light_value", LGBMRegressor(n_estimators=5), VALUE, max_cat_to_onehot=1)

# Of what scikit-learn offers around and beside linear models and trees: calibration, ensembles, networks, Bayes, pipelines.
def tree():
    return DecisionTreeClassifier(max_depth=3, random_state=0)


def colours(numbers, categories):
    return ColumnTransformer([("numbers", numbers, ["a", "b"]), ("colour", categories, ["colour"])])


TABLE = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "colour": np.array(["red", "green", "x y", "blau ü"], dtype=object)[X[:, 3].astype(int) % 4]})
TABLE.loc[::7, "b"] = np.nan
one_hot = lambda: colours(make_pipeline(SimpleImputer(), StandardScaler()), OneHotEncoder(handle_unknown="ignore"))
ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
both = [("line", LogisticRegression()), ("tree", tree())]
for task, y in (("", BINARY), ("_levels", LEVELS)):
    forest = RandomForestClassifier(3, max_depth=3, random_state=0)
    for method in ("sigmoid", "isotonic"):
        # Of 300 scores an isotonic curve keeps a few steps: the files stay small.
        sklearn(f"calibrated_{method}{task}", CalibratedClassifierCV(LogisticRegression(), method=method, cv=2), y)
        sklearn(f"calibrated_{method}_forest{task}", CalibratedClassifierCV(forest, method=method, cv=2), y)
        sklearn(f"calibrated_{method}_margin{task}", CalibratedClassifierCV(LinearSVC(), method=method, cv=2), y)
    sklearn(f"adaboost{task}", AdaBoostClassifier(tree(), n_estimators=4, random_state=0), y)
    sklearn(f"bagging{task}", BaggingClassifier(tree(), n_estimators=4, random_state=0), y)
    sklearn(f"voting{task}", VotingClassifier(both, voting="soft", flatten_transform=False), y)
    sklearn(f"stacking{task}", StackingClassifier(both, cv=2), y)
    sklearn(f"network{task}", MLPClassifier((6,), max_iter=50, random_state=0), y)
    sklearn(f"network_tanh{task}", MLPClassifier((6,), activation="tanh", max_iter=50, random_state=0), y)
    sklearn(f"bayes{task}", GaussianNB(), y)
    sklearn(f"bernoulli{task}", BernoulliNB(), y)
    sklearn(f"quadratic{task}", QuadraticDiscriminantAnalysis(), y)
    sklearn(f"one_against_rest{task}", OneVsRestClassifier(LogisticRegression()), y)
    sklearn(f"polynomial{task}", make_pipeline(PolynomialFeatures(2), StandardScaler(), LogisticRegression()), y)
    sklearn(f"gradient_log{task}", SGDClassifier(loss="log_loss", random_state=0), y)
    of_columns(f"columns{task}", make_pipeline(one_hot(), LogisticRegression()), y)
    of_columns(f"columns_forest{task}", make_pipeline(colours(SimpleImputer(), ordinal), forest), y)
sklearn("support_vectors_value", LinearSVR(), VALUE)
sklearn("voting_value", VotingRegressor([("line", LinearRegression()), ("tree", DecisionTreeRegressor(max_depth=3))]), VALUE)
of_columns("columns_value", make_pipeline(one_hot(), LinearRegression()), VALUE)
