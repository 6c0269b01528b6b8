"""Models of LightGBM and XGBoost with the answers of their own libraries, for `crates/inference/tests/boosted.rs`.

    python make.py FOLDER [SEED]

Each model NAME.lgb, NAME.json or NAME.ubj has a NAME.answers.json: the columns of some rows (NaN, infinities and thresholds among
them), and for each row the answers, the raw scores, and the exact Shapley values (`pred_contrib`, `pred_contribs`) with their base
last. The folder `refused` beside them gets models that Kilter does not run.
"""

import json
import sys
import warnings
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import xgboost as xgb

warnings.filterwarnings("ignore")
FOLDER = Path(sys.argv[1])
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 7
(FOLDER / "refused").mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(SEED)
NAMES = ["a", "b", "c", "d"]
ROWS = 400
X = random.normal(size=(ROWS, 4)).round(2)
X[:, 2] = random.integers(-2, 3, ROWS)
X[:, 3] = random.integers(0, 70, ROWS)
noise = random.normal(size=ROWS)
VALUE = X[:, 0] * 2 + np.sin(X[:, 1]) * X[:, 2] + np.isin(X[:, 3] % 7, [1, 4]) + 0.2 * noise
BINARY = (VALUE > 0.5).astype(int)
LEVELS = np.digitize(VALUE, [-1, 1])
COUNT = np.floor(np.exp(np.clip(VALUE / 2, -2, 2)))
SHARE = 1 / (1 + np.exp(-VALUE))
GAPS = X.copy()
GAPS[random.random(X.shape) < 0.15] = np.nan
FRAME = pd.DataFrame(
    {
        "a": X[:, 0],
        "colour": pd.Categorical(np.array(["red", "green", "blue", "grün"])[(X[:, 3] % 4).astype(int)]),
        "size": pd.Categorical((X[:, 3] % 5 * 10).astype(int)),
    }
)
FRAME.loc[::9, "colour"] = np.nan


def plain(values):
    """A list that JSON can hold: NaN and infinities are texts."""
    if isinstance(values, (list, np.ndarray)):
        return [plain(value) for value in values]
    number = float(values)
    return number if np.isfinite(number) else str(number)


def write(name, columns, answers, raw, parts, tolerance, task):
    document = {
        "columns": columns,
        "answers": plain(answers),
        "raw": None if raw is None else plain(raw),
        # Attributions are compared to 1e-9.
        "parts": None if parts is None else plain(np.round(np.asarray(parts, np.float64), 11)),
        "tolerance": tolerance,
        "task": task,
    }
    (FOLDER / f"{name}.answers.json").write_text(json.dumps(document, separators=(",", ":"), ensure_ascii=False))


def rows(thresholds, single=False, infinite=True):
    """Rows with missing values, infinities, ties on thresholds and the numbers beside them, zeros of both signs."""
    one = (lambda x: np.float64(np.float32(x))) if single else np.float64
    kind = np.float32 if single else np.float64
    made = [*X[:12], *GAPS[:12]]
    for feature, threshold in thresholds[:10]:
        for value in (one(threshold), one(np.nextafter(kind(threshold), kind(np.inf)))):
            row = X[len(made) % ROWS].copy()
            row[feature] = value
            made.append(row)
    extremes = [0.0, -0.0, 1e-36, -1e-36, 1e-300, np.nan] + ([np.inf, -np.inf] if infinite else [])
    for feature in range(4):
        for value in extremes:
            row = X[len(made) % ROWS].copy()
            row[feature] = value
            made.append(row)
    for value in [-1, -0.5, 0.5, 3.7, 69, 70, 1e6, 3e9]:
        row = X[len(made) % ROWS].copy()
        row[3] = value
        made.append(row)
    return np.array(made)


def floats(matrix, names=NAMES):
    return [{"name": name, "type": "float", "values": plain(matrix[:, at])} for at, name in enumerate(names)]


def light_thresholds(booster):
    tree = [] if booster.num_trees() == 0 else booster.trees_to_dataframe()
    if len(tree) == 0 or "threshold" not in tree:
        return []
    splits = tree[(tree["decision_type"] == "<=") & tree["threshold"].notna()]
    index = {name: at for at, name in enumerate(booster.feature_name())}
    return [(index[feature], float(threshold)) for feature, threshold in zip(splits["split_feature"], splits["threshold"])]


def light(name, y, task, data=X, rounds=6, fobj=None, average=1, explained=True, names=True, **settings):
    settings = {"num_leaves": 7, "min_data_in_leaf": 5, "min_data_per_group": 5, "verbose": -1, "seed": 1, "num_threads": 1} | settings
    group = settings.pop("group", None)
    categories = settings.pop("categorical_feature", "auto")
    data = lgb.Dataset(
        data, label=y, group=group, feature_name=NAMES if names else "auto", categorical_feature=categories, params=settings
    )
    if fobj:
        settings["objective"] = fobj
    booster = lgb.train(settings, data, rounds) if rounds else lgb.Booster(settings, data)
    booster.save_model(FOLDER / f"{name}.lgb")
    booster = lgb.Booster(model_file=FOLDER / f"{name}.lgb")
    matrix = rows(light_thresholds(booster))
    answers = booster.predict(matrix, num_threads=1)
    parts = None
    if explained:
        parts = booster.predict(matrix, pred_contrib=True, num_threads=1)
        parts = parts.reshape(len(matrix), -1, 5) / average
    raw = booster.predict(matrix, raw_score=True, num_threads=1).reshape(len(matrix), -1) / average
    names = NAMES if names else [f"Column_{at}" for at in range(4)]
    write(name, floats(matrix, names), answers, raw, parts, 1e-12, task)


def light_frame(name, y, rounds=6):
    model = lgb.LGBMClassifier(
        n_estimators=rounds, num_leaves=7, min_child_samples=5, min_data_per_group=5, max_cat_to_onehot=1, verbose=-1, n_jobs=1
    )
    model.fit(FRAME, y)
    model.booster_.save_model(FOLDER / f"{name}.lgb")
    booster = lgb.Booster(model_file=FOLDER / f"{name}.lgb")
    asked = frame_rows()
    raw = booster.predict(asked, raw_score=True).reshape(-1, 1)
    parts = booster.predict(asked, pred_contrib=True).reshape(len(asked), 1, -1)
    write(name, frame_columns(asked), booster.predict(asked), raw, parts, 1e-12, "binary")


def frame_rows(unseen=True):
    asked = FRAME[:60].copy()
    if unseen:
        asked["colour"] = asked["colour"].cat.add_categories(["violet"])
        asked["size"] = asked["size"].cat.add_categories([70])
        asked.loc[3:5, "colour"] = "violet"
        asked.loc[4:6, "size"] = 70
    asked.loc[7, "size"] = np.nan
    return asked


def frame_columns(asked):
    colours = [None if pd.isna(value) else str(value) for value in asked["colour"]]
    sizes = [None if pd.isna(value) else int(value) for value in asked["size"]]
    return [
        {"name": "a", "type": "float", "values": plain(asked["a"].to_numpy())},
        {"name": "colour", "type": "text", "values": colours},
        {"name": "size", "type": "int", "values": sizes},
    ]


def lightgbm_models():
    light("light_regression", VALUE, "regression", objective="regression")
    light("light_gaps", VALUE, "regression", data=GAPS, objective="regression")
    light("light_zero_is_missing", VALUE, "regression", data=GAPS, objective="regression", zero_as_missing=True)
    light("light_no_missing", VALUE, "regression", data=GAPS, objective="regression", use_missing=False)
    light("light_numbered", VALUE, "regression", names=False, objective="regression")
    light("light_square_root", VALUE, "regression", objective="regression", reg_sqrt=True)
    for objective in ["regression_l1", "huber", "fair", "quantile", "mape"]:
        light(f"light_{objective}", VALUE, "regression", objective=objective)
    for objective in ["poisson", "tweedie"]:
        light(f"light_{objective}", COUNT, "regression", objective=objective)
    light("light_gamma", COUNT + 1, "regression", objective="gamma")
    light("light_cross_entropy", SHARE, "regression", objective="cross_entropy")
    light("light_cross_entropy_lambda", SHARE, "regression", objective="cross_entropy_lambda")
    light("light_binary", BINARY, "binary", objective="binary", sigmoid=0.7)
    light("light_binary_gaps", BINARY, "binary", data=GAPS, objective="binary")
    light("light_multiclass", LEVELS, "multiclass", objective="multiclass", num_class=3)
    light("light_one_against_rest", LEVELS, "multiclass", objective="multiclassova", num_class=3, sigmoid=1.5)
    light("light_ranks", LEVELS, "regression", objective="lambdarank", group=[40] * 10)
    light("light_dart", BINARY, "binary", objective="binary", boosting="dart", drop_rate=0.5)
    light("light_goss", BINARY, "binary", objective="binary", data_sample_strategy="goss")
    forest = {"boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1}
    light("light_forest", VALUE, "regression", average=6, objective="regression", **forest)
    light("light_forest_binary", BINARY, "binary", average=6, objective="binary", **forest)
    light("light_forest_levels", LEVELS, "multiclass", average=6, objective="multiclass", num_class=3, **forest)
    light("light_sets", VALUE, "regression", objective="regression", categorical_feature=[3], max_cat_to_onehot=1)
    light("light_sets_gaps", VALUE, "regression", data=GAPS, objective="regression", categorical_feature=[2, 3], max_cat_to_onehot=1)
    light("light_one_hot", BINARY, "binary", objective="binary", categorical_feature=[2, 3], max_cat_to_onehot=80)
    light("light_own_objective", VALUE, "regression", fobj=lambda score, data: (score - data.get_label(), np.ones(len(score))))
    light("light_one_tree", VALUE, "regression", objective="regression", rounds=1)
    light("light_one_leaf", VALUE, "regression", objective="regression", rounds=1, min_data_in_leaf=ROWS)
    light("light_no_tree", VALUE, "regression", objective="regression", rounds=0, explained=False)
    light_frame("light_frame", BINARY)
    linear = lgb.train({"linear_tree": True, "verbose": -1}, lgb.Dataset(X, label=VALUE, params={"linear_tree": True, "verbose": -1}), 2)
    linear.save_model(FOLDER / "refused" / "light_linear.lgb")
    several = lambda score, data: (score - np.eye(3)[LEVELS], np.ones((ROWS, 3)))  # noqa: E731
    settings = {"objective": several, "num_class": 3, "verbose": -1}
    lgb.train(settings, lgb.Dataset(X, label=LEVELS), 2).save_model(FOLDER / "refused" / "light_own_scores.lgb")


def boost_thresholds(booster):
    if "booster" in booster.attributes():
        return []
    try:
        tree = booster.trees_to_dataframe()
    except Exception:
        return []
    splits = tree[tree["Split"].notna()]
    index = {name: at for at, name in enumerate(booster.feature_names or [f"f{at}" for at in range(4)])}
    return [(index[feature], float(np.float32(split))) for feature, split in zip(splits["Feature"], splits["Split"])]


def boost(name, y, task, data=X, rounds=6, kind="json", types=None, names=NAMES, explained=True, group=None, bounds=None, **settings):
    settings = {"max_depth": 3, "seed": 1, "nthread": 1} | settings
    matrix = xgb.DMatrix(data, label=y, feature_names=names, feature_types=types, enable_categorical=types is not None)
    if group:
        matrix.set_group(group)
    if bounds is not None:
        matrix.set_float_info("label_lower_bound", bounds)
        matrix.set_float_info("label_upper_bound", bounds)
    booster = xgb.train(settings, matrix, rounds)
    booster.save_model(FOLDER / f"{name}.{kind}")
    asked = rows([] if types else boost_thresholds(booster), single=True, infinite=False)
    if types:
        asked = asked[np.isnan(asked[:, 3]) | ((asked[:, 3] >= 0) & (asked[:, 3] < 1e6))]
        asked[:, 3] = np.floor(asked[:, 3])
    boost_answers(name, booster, xgb.DMatrix(asked, feature_names=names, feature_types=types), floats(asked, names or [f"f{at}" for at in range(4)]), task, explained)


def boost_answers(name, booster, asked, columns, task, explained=True, last=0):
    limit = (0, last)
    answers = booster.predict(asked, iteration_range=limit)
    if task == "classes":
        task, answers = "multiclass", None
    raw = booster.predict(asked, output_margin=True, iteration_range=limit)
    count = asked.num_row()
    parts = booster.predict(asked, pred_contribs=True, iteration_range=limit).reshape(count, -1, len(columns) + 1) if explained else None
    write(name, columns, answers if answers is not None else softmax(raw), raw.reshape(count, -1), parts, 1e-6, task)


def softmax(raw):
    raised = np.exp(raw - raw.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def boost_frame(name, y, kind):
    model = xgb.XGBClassifier(n_estimators=6, max_depth=3, enable_categorical=True, max_cat_to_onehot=1, n_jobs=1)
    plain_names = {"grün": "grey"}
    frame = FRAME.assign(colour=FRAME["colour"].cat.rename_categories(plain_names))
    model.fit(frame, y)
    model.save_model(FOLDER / f"{name}.{kind}")
    asked = frame_rows(unseen=False)
    asked["colour"] = asked["colour"].cat.rename_categories(plain_names)
    boost_answers(name, model.get_booster(), xgb.DMatrix(asked, enable_categorical=True), frame_columns(asked), "binary")


def boost_early(name, y, bare):
    """Stopped early: scikit-learn's interface predicts up to the best iteration, a bare booster with all trees."""
    model = xgb.XGBClassifier(n_estimators=60, max_depth=4, learning_rate=0.8, early_stopping_rounds=5, num_parallel_tree=2, n_jobs=1)
    model.fit(X[:200], y[:200], eval_set=[(X[200:], y[200:])], verbose=False)
    assert model.best_iteration < 50, model.best_iteration
    booster = model.get_booster()
    booster.feature_names = NAMES
    # Only what scikit-learn's interface saves says that it did.
    (booster if bare else model).save_model(FOLDER / f"{name}.json")
    asked = rows([], single=True, infinite=False)
    last = 0 if bare else model.best_iteration + 1
    boost_answers(name, booster, xgb.DMatrix(asked, feature_names=NAMES), floats(asked), "binary", last=last)


def xgboost_models():
    for objective in ["squarederror", "absoluteerror", "pseudohubererror"]:
        boost(f"boost_{objective}", VALUE, "regression", objective=f"reg:{objective}")
    boost("boost_gaps", VALUE, "regression", data=GAPS, objective="reg:squarederror")
    boost("boost_exact", VALUE, "regression", data=GAPS, objective="reg:squarederror", tree_method="exact", gamma=2.0, max_depth=5)
    boost("boost_numbered", VALUE, "regression", names=None, objective="reg:squarederror")
    boost("boost_quantile", VALUE, "regression", objective="reg:quantileerror", quantile_alpha=0.7)
    boost("boost_squared_log", COUNT, "regression", objective="reg:squaredlogerror")
    boost("boost_share", SHARE, "regression", objective="reg:logistic")
    boost("boost_poisson", COUNT, "regression", objective="count:poisson")
    boost("boost_gamma", COUNT + 1, "regression", objective="reg:gamma", base_score=2.5)
    boost("boost_tweedie", COUNT, "regression", objective="reg:tweedie")
    boost("boost_cox", COUNT + 1, "regression", objective="survival:cox")
    boost("boost_accelerated", None, "regression", objective="survival:aft", bounds=COUNT + 1)
    boost("boost_ranks", LEVELS, "regression", objective="rank:ndcg", group=[40] * 10)
    boost("boost_binary", BINARY, "binary", objective="binary:logistic")
    boost("boost_binary_ubjson", BINARY, "binary", data=GAPS, kind="ubj", objective="binary:logistic", base_score=0.3)
    boost("boost_margin", BINARY, "margin", objective="binary:logitraw")
    boost("boost_hinge", BINARY, "binary", objective="binary:hinge")
    boost("boost_levels", LEVELS, "multiclass", objective="multi:softprob", num_class=3)
    boost("boost_levels_ubjson", LEVELS, "classes", kind="ubj", objective="multi:softmax", num_class=3)
    boost("boost_dart", BINARY, "binary", objective="binary:logistic", booster="dart", rate_drop=0.5)
    boost("boost_dart_levels", LEVELS, "multiclass", objective="multi:softprob", num_class=3, booster="dart", rate_drop=0.5, num_parallel_tree=2)
    boost("boost_linear", VALUE, "regression", data=X / [1, 1, 1, 70], objective="reg:squarederror", booster="gblinear")
    boost("boost_linear_levels", LEVELS, "multiclass", data=X / [1, 1, 1, 70], objective="multi:softprob", num_class=3, booster="gblinear")
    boost("boost_forest", VALUE, "regression", rounds=2, objective="reg:squarederror", num_parallel_tree=5, subsample=0.6, colsample_bynode=0.7)
    boost("boost_many", VALUE, "regression", rounds=60, objective="reg:squarederror", max_depth=2)
    boost("boost_sets", VALUE, "regression", types=["q", "q", "q", "c"], objective="reg:squarederror", max_cat_to_onehot=1)
    boost("boost_one_hot", VALUE, "regression", data=GAPS, types=["q", "q", "q", "c"], kind="ubj", objective="reg:squarederror", max_cat_to_onehot=100)
    boost("boost_one_tree", VALUE, "regression", rounds=1, objective="reg:squarederror")
    boost("boost_one_leaf", VALUE, "regression", rounds=1, objective="reg:squarederror", gamma=1e9)
    boost("boost_no_tree", VALUE, "regression", rounds=0, objective="reg:squarederror", base_score=0.25)
    boost_frame("boost_frame", BINARY, "json")
    boost_frame("boost_frame_ubjson", BINARY, "ubj")
    boost_early("boost_early", BINARY, bare=False)
    boost_early("boost_early_bare", BINARY, bare=True)
    both = {"objective": "reg:squarederror", "multi_strategy": "multi_output_tree", "max_depth": 2}
    xgb.train(both, xgb.DMatrix(X, label=np.c_[VALUE, COUNT]), 2).save_model(FOLDER / "refused" / "boost_targets.json")
    # XGBoost 3.2 counts the characters of names of categories, not their bytes.
    cut = xgb.XGBClassifier(n_estimators=1, enable_categorical=True).fit(FRAME, BINARY)
    cut.save_model(FOLDER / "refused" / "boost_names.json")
    quantiles = {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.9], "max_depth": 2}
    xgb.train(quantiles, xgb.DMatrix(X, label=VALUE), 2).save_model(FOLDER / "refused" / "boost_quantiles.ubj")


if __name__ == "__main__":
    lightgbm_models()
    xgboost_models()
    print(len(list(FOLDER.glob("*.answers.json"))), "models")
