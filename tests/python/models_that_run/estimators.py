"""The models of the table: what is trained, on what, and how it is exported."""

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn import (
    calibration, cluster, compose, cross_decomposition, decomposition, discriminant_analysis, ensemble, feature_extraction,
    feature_selection, gaussian_process, impute, kernel_approximation, linear_model, mixture, model_selection, multiclass,
    multioutput, naive_bayes, neighbors, neural_network, pipeline, preprocessing, svm, tree,
)
from sklearn.gaussian_process import kernels

from export import Answer, Entry, lightgbm_as_onnx, xgboost_as_onnx

make = pipeline.make_pipeline
random = np.random.default_rng(11)
COUNT, TESTED = 120, 40
# Values on a grid of halves: thresholds of trees lie on quarters, and rows with quarters meet them exactly.
X = (random.normal(size=(COUNT, 4)) * 4).round() / 2
X[:, 3] = random.integers(0, 6, size=COUNT)
NOISE = random.normal(size=COUNT)
BINARY = (X[:, 0] + X[:, 1] * X[:, 2] / 2 + 0.5 * NOISE + np.isin(X[:, 3], [1, 4]) > 0.3).astype(int)
LEVELS = np.array(["low", "mid", "top"])[np.digitize(X[:, 0] + 0.1 * X[:, 3] + 0.3 * NOISE, [-0.7, 0.9])]
VALUE = X[:, 0] * 2 + np.sin(X[:, 1]) + 0.1 * NOISE + np.isin(X[:, 3], [1, 4])
COUNTS = np.round(np.exp(np.clip(VALUE / 3, -3, 2.5))) + 1
ROWS = np.concatenate([X[:TESTED // 2], X[:TESTED // 2] + random.choice([-0.25, 0.0, 0.25], size=(TESTED // 2, 4))])
POSITIVE = np.abs(X) + 0.5
POSITIVE_ROWS = np.abs(ROWS) + 0.5
WHOLE = np.abs(np.round(X)).astype(np.int64)
HOLES = ROWS.copy()
HOLES[::3, 0] = np.nan
HOLES[1::5, 2] = np.nan
GAPS = X.copy()
GAPS[::4, 0] = np.nan
GAPS[2::7, 2] = np.nan
EXTREME = HOLES.copy()
EXTREME[0] = [np.inf, -np.inf, 1e30, 0]
EXTREME[1] = [-np.inf, np.inf, -1e30, 5]
COLOURS = np.array(["red", "green", "x y", "blau ü"], dtype=object)[X[:, 3].astype(int) % 4]
TABLE = pd.DataFrame({"a": X[:, 0].astype(np.float32), "b": GAPS[:, 2].astype(np.float32), "colour": COLOURS, "size": np.where(X[:, 1] > 0, "big", "small").astype(object)})
MAIL = [
    "The quick brown fox, jumps!", "over the lazy dog", "a dog and a fox are friends", "Free money now: win 100 dollars", "win a prize now",
    "meeting at noon tomorrow", "the meeting is moved to friday", "free prize; win win win", "see you at the office", "dollars dollars now",
] * 6
SPAM = np.array([int("win" in text or "dollars" in text) for text in MAIL])
TEXTS = MAIL[:10] + ["", "unknown words only", "WIN Free-Money 42 times", "a", "dog dog dog fox", "  spaces   here  "]


def classifiers(make_model, name, title=None, tasks=("binary", "levels"), **settings):
    for task in tasks:
        target = BINARY if task == "binary" else LEVELS
        model = make_model()
        note = "two classes" if task == "binary" else "three classes of text"
        yield entry(f"{name}_{task}", title or type(model).__name__, model, target, **{"note": note, **settings})


def entry(name, title, model, target, **settings):
    settings.setdefault("train", X)
    settings.setdefault("rows", ROWS)
    return Entry(name=name, title=title, model=model, target=target, **settings)


def linear():
    lm = linear_model
    for model in (
        lm.LogisticRegression(), lm.SGDClassifier(random_state=0), lm.Perceptron(), lm.RidgeClassifier(), lm.PassiveAggressiveClassifier(random_state=0),
        svm.LinearSVC(), discriminant_analysis.QuadraticDiscriminantAnalysis(),
        lm.LogisticRegressionCV(cv=2, Cs=2), lm.RidgeClassifierCV(),
    ):
        name = type(model).__name__
        yield from classifiers(lambda: model.__class__(**model.get_params()), name.lower(), tolerance=2e-5 if "Quadratic" in name else 5e-6)
    yield from classifiers(lambda: discriminant_analysis.LinearDiscriminantAnalysis(), "lineardiscriminantanalysis", tasks=("levels",), tolerance=5e-6)
    yield from classifiers(lambda: lm.SGDClassifier(loss="log_loss", alpha=0.1, random_state=0), "sgd_log_loss", 'SGDClassifier(loss="log_loss")')
    yield from classifiers(lambda: lm.SGDClassifier(loss="modified_huber", random_state=0), "sgd_modified_huber", 'SGDClassifier(loss="modified_huber")', tasks=("binary",))
    for model in (
        lm.LinearRegression(), lm.Ridge(), lm.Lasso(0.01), lm.ElasticNet(0.01), lm.BayesianRidge(), lm.ARDRegression(), lm.HuberRegressor(), lm.SGDRegressor(random_state=0),
        lm.QuantileRegressor(alpha=0.01), lm.TheilSenRegressor(random_state=0, max_subpopulation=200), lm.RANSACRegressor(random_state=0), lm.PassiveAggressiveRegressor(random_state=0),
        lm.Lars(), lm.LassoLars(0.01), lm.OrthogonalMatchingPursuit(), lm.LassoCV(cv=2), lm.ElasticNetCV(cv=2), lm.RidgeCV(), lm.LassoLarsIC(), svm.LinearSVR(),
        cross_decomposition.PLSRegression(2), 
    ):
        yield entry(type(model).__name__.lower(), type(model).__name__, model, VALUE, tolerance=5e-6)
    for model in (lm.PoissonRegressor(), lm.GammaRegressor(), lm.TweedieRegressor(power=1.5)):
        yield entry(type(model).__name__.lower(), type(model).__name__, model, COUNTS, tolerance=5e-6)


def trees():
    en = ensemble
    small = dict(max_depth=3, random_state=0)
    for model in (
        tree.DecisionTreeClassifier(**small), tree.ExtraTreeClassifier(**small), en.RandomForestClassifier(8, **small), en.ExtraTreesClassifier(8, **small),
    ):
        yield from classifiers(lambda: model.__class__(**model.get_params()), type(model).__name__.lower(), train=X)
    yield from classifiers(lambda: en.GradientBoostingClassifier(n_estimators=6, max_depth=2), "gradientboosting")
    for model in (tree.DecisionTreeRegressor(**small), tree.ExtraTreeRegressor(**small), en.RandomForestRegressor(8, **small), en.ExtraTreesRegressor(8, **small), en.GradientBoostingRegressor(n_estimators=6)):
        yield entry(type(model).__name__.lower(), type(model).__name__, model, VALUE)
    yield from classifiers(lambda: en.HistGradientBoostingClassifier(max_iter=6, min_samples_leaf=5), "histgradientboosting", train=GAPS, rows=EXTREME)
    yield entry("histgradientboosting_value", "HistGradientBoostingRegressor", en.HistGradientBoostingRegressor(max_iter=6, min_samples_leaf=5), VALUE, train=GAPS, rows=EXTREME)
    yield from classifiers(lambda: en.AdaBoostClassifier(tree.DecisionTreeClassifier(max_depth=2, random_state=0), n_estimators=4, random_state=0), "adaboost")
    yield entry("adaboost_value", "AdaBoostRegressor", en.AdaBoostRegressor(n_estimators=5, random_state=0), VALUE)


def ensembles():
    en = ensemble
    parts = lambda: [("line", linear_model.LogisticRegression()), ("tree", tree.DecisionTreeClassifier(max_depth=3, random_state=0))]
    values = lambda: [("line", linear_model.LinearRegression()), ("tree", tree.DecisionTreeRegressor(max_depth=3, random_state=0))]
    yield from classifiers(lambda: en.VotingClassifier(parts(), voting="soft", flatten_transform=False), "voting_soft", 'VotingClassifier(voting="soft")')
    yield from classifiers(lambda: en.VotingClassifier(parts(), voting="hard", flatten_transform=False), "voting_hard", 'VotingClassifier(voting="hard")', answers=votes)
    yield entry("voting_value", "VotingRegressor", en.VotingRegressor(values()), VALUE)
    yield from classifiers(lambda: en.BaggingClassifier(n_estimators=4, random_state=0), "bagging")
    yield entry("bagging_value", "BaggingRegressor", en.BaggingRegressor(n_estimators=4, max_features=0.5, random_state=0), VALUE)
    yield from classifiers(lambda: en.StackingClassifier(parts(), cv=2), "stacking")
    yield entry("stacking_value", "StackingRegressor", en.StackingRegressor(values(), cv=2), VALUE)
    yield from classifiers(lambda: calibration.CalibratedClassifierCV(linear_model.LogisticRegression(), cv=2), "calibrated", "CalibratedClassifierCV")
    yield from classifiers(lambda: calibration.CalibratedClassifierCV(svm.SVC(), cv=2), "calibrated_svc", "CalibratedClassifierCV(SVC())", tolerance=1e-5)
    yield from classifiers(lambda: multiclass.OneVsRestClassifier(linear_model.LogisticRegression()), "onevsrest")
    yield from classifiers(lambda: multiclass.OneVsOneClassifier(linear_model.LogisticRegression()), "onevsone", tolerance=1e-5)
    yield from classifiers(lambda: model_selection.GridSearchCV(linear_model.LogisticRegression(), {"C": [0.1, 1.0]}, cv=2), "gridsearch", "GridSearchCV(LogisticRegression())")
    yield from classifiers(lambda: neural_network.MLPClassifier((6,), max_iter=60, random_state=0), "mlp")
    for activation in ("tanh", "logistic"):
        yield from classifiers(lambda: neural_network.MLPClassifier((6,), activation=activation, max_iter=60, random_state=0), f"mlp_{activation}", f'MLPClassifier(activation="{activation}")', tasks=("levels",))
    yield entry("mlp_value", "MLPRegressor", neural_network.MLPRegressor(hidden_layer_sizes=(6,), max_iter=60, random_state=0), VALUE)


def votes(model, rows):
    """A vote counts the parts for each class; it has no `predict_proba`."""
    shares = np.stack([np.asarray(model.transform(rows)) == at for at in range(len(model.classes_))], axis=2).sum(axis=1)
    return Answer(shares / len(model.estimators_), model.predict(rows), model.classes_)


def kernels_and_neighbours():
    for kernel in ("linear", "rbf", "poly", "sigmoid"):
        yield from classifiers(lambda: svm.SVC(kernel=kernel, C=0.5, coef0=0.5), f"svc_{kernel}", f'SVC(kernel="{kernel}")', tolerance=2e-5)
        yield entry(f"svr_{kernel}", f'SVR(kernel="{kernel}")', svm.SVR(kernel=kernel, C=0.5), VALUE, tolerance=2e-5)
    yield from classifiers(lambda: svm.SVC(probability=True, random_state=0), "svc_probability", "SVC(probability=True)", tolerance=2e-5)
    yield from classifiers(lambda: svm.SVC(decision_function_shape="ovo"), "svc_pairs", 'SVC(decision_function_shape="ovo")', tasks=("levels",), tolerance=2e-5)
    yield from classifiers(lambda: svm.NuSVC(nu=0.2), "nusvc", tolerance=2e-5)
    yield entry("nusvr", "NuSVR", svm.NuSVR(), VALUE, tolerance=2e-5)
    nb = neighbors
    near = dict(train=SPREAD, rows=UNTIED, tolerance=1e-5)
    yield from classifiers(lambda: nb.KNeighborsClassifier(4), "knn", **near)
    yield entry("knn_value", "KNeighborsRegressor", nb.KNeighborsRegressor(4), VALUE, **near)
    for metric in ("manhattan", "minkowski"):
        yield entry(f"knn_{metric}_value", f'KNeighborsRegressor(metric="{metric}")', nb.KNeighborsRegressor(4, metric=metric, p=3 if metric == "minkowski" else 2), VALUE, **near, note="p=3" if metric == "minkowski" else "")
    yield from classifiers(lambda: nb.RadiusNeighborsClassifier(3.0, outlier_label="most_frequent"), "radius", **near)
    yield entry("radius_value", "RadiusNeighborsRegressor", nb.RadiusNeighborsRegressor(4.0), VALUE, **near)
    yield from classifiers(lambda: make(nb.NeighborhoodComponentsAnalysis(2, random_state=0, max_iter=10), linear_model.LogisticRegression()), "nca", "NeighborhoodComponentsAnalysis, LogisticRegression", tasks=("levels",))
    kernel = kernels.RBF(1.5)
    yield entry("gaussianprocess_value", "GaussianProcessRegressor(RBF)", gaussian_process.GaussianProcessRegressor(kernel, alpha=0.5, optimizer=None), VALUE, tolerance=1e-4, kind="double")
    yield entry("gaussianprocess_float", "GaussianProcessRegressor(RBF)", gaussian_process.GaussianProcessRegressor(kernel, alpha=0.5, optimizer=None), VALUE, tolerance=1e-4)
    for title, kernel in (("Matern", kernels.Matern(1.5, nu=1.5)), ("RationalQuadratic", kernels.RationalQuadratic()), ("DotProduct", kernels.DotProduct() + kernels.WhiteKernel(1.0)), ("ConstantKernel * RBF", kernels.ConstantKernel(2.0) * kernels.RBF(1.5))):
        yield entry(f"gaussianprocess_{title.split()[0].lower()}", f"GaussianProcessRegressor({title})", gaussian_process.GaussianProcessRegressor(kernel, alpha=0.5, optimizer=None), VALUE, tolerance=1e-4, kind="double")
    yield from classifiers(lambda: gaussian_process.GaussianProcessClassifier(kernels.RBF(1.5), optimizer=None), "gaussianprocess", tasks=("binary",), tolerance=1e-4, kind="double")


# Neighbours at equal distances are taken in an order that no library promises.
SPREAD = X + random.normal(size=X.shape) * 0.05
UNTIED = ROWS + random.normal(size=ROWS.shape) * 0.05


def bayes():
    nb = naive_bayes
    yield from classifiers(lambda: nb.GaussianNB(), "gaussiannb", tolerance=2e-5)
    yield from classifiers(lambda: nb.BernoulliNB(), "bernoullinb", tolerance=1e-5)
    for model in (nb.MultinomialNB, nb.ComplementNB):
        yield from classifiers(lambda: model(), model.__name__.lower(), train=POSITIVE, rows=POSITIVE_ROWS, tolerance=1e-5)
    yield from classifiers(lambda: nb.CategoricalNB(), "categoricalnb", train=WHOLE, rows=WHOLE[:TESTED], kind="integer", tolerance=1e-5)


def unsupervised():
    en = ensemble
    for name, model in (
        ("isolationforest", en.IsolationForest(n_estimators=20, random_state=0)), ("oneclasssvm", svm.OneClassSVM(nu=0.2)), ("localoutlierfactor", neighbors.LocalOutlierFactor(10, novelty=True)),
        ("sgdoneclasssvm", linear_model.SGDOneClassSVM(random_state=0)),
    ):
        yield entry(name, type(model).__name__, model, None, rows=UNTIED, answers=outliers, tolerance=2e-5)
    yield entry("kmeans", "KMeans", cluster.KMeans(3, n_init=2, random_state=0), None, answers=clusters, tolerance=1e-5)
    yield entry("minibatchkmeans", "MiniBatchKMeans", cluster.MiniBatchKMeans(4, n_init=2, random_state=0), None, answers=clusters, tolerance=1e-5)
    yield entry("gaussianmixture", "GaussianMixture", mixture.GaussianMixture(2, random_state=0), None, answers=mixtures, tolerance=1e-5)
    yield entry("bayesianmixture", "BayesianGaussianMixture", mixture.BayesianGaussianMixture(n_components=2, random_state=0), None, answers=mixtures, tolerance=1e-5)


def outliers(model, rows):
    scores = np.ravel(model.decision_function(rows))
    return Answer(np.stack([-scores, scores], axis=1), model.predict(rows), [-1, 1])


def clusters(model, rows):
    return Answer(model.transform(rows), model.predict(rows), range(model.n_clusters))


def mixtures(model, rows):
    return Answer(model.predict_proba(rows), model.predict(rows), range(model.n_components))


def prepared():
    pre, line = preprocessing, lambda: linear_model.LinearRegression()
    steps = [
        ("standardscaler", pre.StandardScaler()), ("minmaxscaler", pre.MinMaxScaler(clip=True)), ("maxabsscaler", pre.MaxAbsScaler()), ("robustscaler", pre.RobustScaler()),
        ("normalizer_l2", pre.Normalizer()), ("normalizer_l1", pre.Normalizer("l1")), 
        ("polynomialfeatures", pre.PolynomialFeatures(3)), ("powertransformer", pre.PowerTransformer()), ("quantiletransformer", pre.QuantileTransformer(n_quantiles=20)),
        ("kbinsdiscretizer_onehot", pre.KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf")), ("kbinsdiscretizer_ordinal", pre.KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf")),
        ("functiontransformer", pre.FunctionTransformer()), ("binarizer", pre.Binarizer(threshold=0.25)),
        ("pca", decomposition.PCA(2)), ("pca_whiten", decomposition.PCA(2, whiten=True)), ("incrementalpca", decomposition.IncrementalPCA(2)), ("kernelpca", decomposition.KernelPCA(2, kernel="rbf")), ("truncatedsvd", decomposition.TruncatedSVD(2, random_state=0)),
        ("selectkbest", feature_selection.SelectKBest(feature_selection.f_regression, k=2)), ("rfe", feature_selection.RFE(linear_model.Ridge(), n_features_to_select=2)), ("variancethreshold", feature_selection.VarianceThreshold(0.1)),
        
        ("featureunion", pipeline.make_union(decomposition.PCA(2), pre.StandardScaler())),
        ("kernelcenterer", make(pre.FunctionTransformer(), pre.StandardScaler(with_mean=False))),
    ]
    for name, step in steps:
        yield entry(f"prepared_{name}", f"{type(step).__name__}, LinearRegression" if type(step).__name__ != "Pipeline" else "StandardScaler(with_mean=False), LinearRegression", make(step, line()), VALUE, tolerance=2e-5, note=name.split("_")[1] if "_" in name else "")
    yield entry("prepared_normalizer_max", "Normalizer, LinearRegression", make(pre.Normalizer("max"), line()), VALUE, train=POSITIVE, rows=POSITIVE_ROWS, note="max")
    yield entry("prepared_boxcox", 'PowerTransformer("box-cox"), LinearRegression', make(pre.PowerTransformer("box-cox"), line()), VALUE, train=POSITIVE, rows=POSITIVE_ROWS, tolerance=2e-5)
    for name, step in (("simpleimputer", impute.SimpleImputer()), ("simpleimputer_median", impute.SimpleImputer(strategy="median"))):
        yield entry(f"prepared_{name}", f"{type(step).__name__}, LinearRegression", make(step, line()), VALUE, train=GAPS, rows=HOLES, tolerance=2e-5, note=name.split("_")[1] if "_" in name else "")
    yield entry("prepared_lda", "LinearDiscriminantAnalysis as a step", make(pre.StandardScaler(), discriminant_analysis.LinearDiscriminantAnalysis()), LEVELS, tolerance=5e-6)


def tables():
    pre = preprocessing
    rows = TABLE[:TESTED]
    numbers = lambda: make(impute.SimpleImputer(), pre.StandardScaler())
    mixed = lambda words: compose.ColumnTransformer([("numbers", numbers(), ["a", "b"]), ("words", words, ["colour", "size"])])
    of = lambda name, title, model, target, **settings: entry(name, title, model, target, train=TABLE, rows=settings.pop("rows", rows), **settings)
    yield of("table_onehot", "ColumnTransformer, OneHotEncoder, LogisticRegression", make(mixed(pre.OneHotEncoder(handle_unknown="ignore")), linear_model.LogisticRegression()), BINARY, tolerance=5e-6)
    yield of("table_onehot_drop", 'OneHotEncoder(drop="first"), LogisticRegression', make(mixed(pre.OneHotEncoder(drop="first", sparse_output=False)), linear_model.LogisticRegression()), LEVELS, tolerance=5e-6)
    yield of("table_infrequent", "OneHotEncoder(min_frequency), LogisticRegression", make(mixed(pre.OneHotEncoder(min_frequency=25, handle_unknown="infrequent_if_exist")), linear_model.LogisticRegression()), LEVELS, tolerance=5e-6)
    yield of("table_ordinal", "OrdinalEncoder, RandomForestClassifier", make(mixed(pre.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)), ensemble.RandomForestClassifier(5, max_depth=3, random_state=0)), LEVELS)
    yield of("table_target", "TargetEncoder, LogisticRegression", make(mixed(pre.TargetEncoder(random_state=0)), linear_model.LogisticRegression()), BINARY, tolerance=5e-6)
    yield of("table_passthrough", 'ColumnTransformer(remainder="passthrough"), HistGradientBoosting', make(compose.ColumnTransformer([("words", pre.OrdinalEncoder(), ["colour", "size"])], remainder="passthrough"), ensemble.HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=5)), BINARY)
    unseen = rows.copy()
    unseen.loc[:5, "colour"] = "violet"
    yield of("table_unseen", "OneHotEncoder on unseen categories", make(mixed(pre.OneHotEncoder(handle_unknown="ignore")), linear_model.LogisticRegression()), BINARY, rows=unseen, tolerance=5e-6)
    words = TABLE[["colour"]].to_numpy()
    yield entry("table_hasher", "FeatureHasher, LogisticRegression", make(feature_extraction.FeatureHasher(8, input_type="string"), linear_model.LogisticRegression()), BINARY, train=words, rows=words[:TESTED], kind="text", target_opset={"": 17, "ai.onnx.ml": 3, "com.microsoft": 1})


def texts():
    text = feature_extraction.text
    of = lambda name, title, step, model=linear_model.LogisticRegression(), **settings: entry(f"text_{name}", f"{title}, {type(model).__name__}", make(step, model), SPAM, **{"train": MAIL, "rows": TEXTS, **settings})
    yield of("tfidf", "TfidfVectorizer", text.TfidfVectorizer())
    yield of("tfidf_ngrams", "TfidfVectorizer(ngram_range=(1, 2), token_pattern)", text.TfidfVectorizer(ngram_range=(1, 2), token_pattern="[a-zA-Z0-9_]+"))
    yield of("tfidf_pattern", "TfidfVectorizer(token_pattern)", text.TfidfVectorizer(token_pattern="[a-zA-Z]+"))
    yield of("tfidf_case", "TfidfVectorizer(lowercase=False)", text.TfidfVectorizer(lowercase=False))
    yield of("tfidf_l1", 'TfidfVectorizer(norm="l1")', text.TfidfVectorizer(norm="l1"))
    yield of("tfidf_char", 'TfidfVectorizer(analyzer="char")', text.TfidfVectorizer(analyzer="char", ngram_range=(1, 3)), rows=TEXTS[:-1])
    yield of("tfidf_stop", 'TfidfVectorizer(stop_words="english")', text.TfidfVectorizer(stop_words="english"))
    yield of("count", "CountVectorizer", text.CountVectorizer())
    yield of("count_binary", "CountVectorizer(binary=True)", text.CountVectorizer(binary=True))
    yield of("count_bayes", "CountVectorizer", text.CountVectorizer(), naive_bayes.MultinomialNB(), tolerance=5e-6)
    yield of("count_tfidf", "CountVectorizer, TfidfTransformer", make(text.CountVectorizer(), text.TfidfTransformer()))
    yield of("tfidf_svd", "TfidfVectorizer, TruncatedSVD", make(text.TfidfVectorizer(), decomposition.TruncatedSVD(3, random_state=0)), tolerance=5e-6)
    yield of("tfidf_sgd", "TfidfVectorizer", text.TfidfVectorizer(), linear_model.SGDClassifier(random_state=0))
    yield of("tfidf_forest", "TfidfVectorizer", text.TfidfVectorizer(), ensemble.RandomForestClassifier(5, random_state=0))


def numbered(model, rows):
    """With `nocl` the file does not have the names of the classes: their numbers are answered."""
    numbers = model.predict_proba(rows)
    return Answer(numbers, numbers.argmax(axis=1), range(numbers.shape[1]))


def options():
    lm = linear_model
    yield from classifiers(lambda: lm.LogisticRegression(), "option_nozipmap", "LogisticRegression", options={"zipmap": False}, tasks=("levels",))
    yield from classifiers(lambda: lm.LogisticRegression(), "option_columns", "LogisticRegression", options={"zipmap": "columns"}, tasks=("levels",))
    yield from classifiers(lambda: lm.LogisticRegression(), "option_nocl", "LogisticRegression", options={"nocl": True}, tasks=("levels",), answers=numbered)
    yield from classifiers(lambda: lm.LogisticRegression(), "option_raw", "LogisticRegression", options={"raw_scores": True}, method="decision_function")
    yield from classifiers(lambda: lm.LogisticRegression(), "option_double", "LogisticRegression", kind="double", options={"zipmap": False})
    yield from classifiers(lambda: svm.SVC(), "option_svc_raw", "SVC", options={"raw_scores": True}, method="decision_function", tolerance=2e-5)
    yield from classifiers(lambda: svm.SVC(), "option_svc_double", "SVC", kind="double", options={"zipmap": False}, tolerance=2e-5)
    yield from classifiers(lambda: ensemble.GradientBoostingClassifier(n_estimators=4), "option_boosting_raw", "GradientBoostingClassifier", options={"raw_scores": True}, method="decision_function")
    yield entry("option_gp_cdist", "GaussianProcessRegressor(RBF)", gaussian_process.GaussianProcessRegressor(kernels.RBF(1.5), alpha=0.5, optimizer=None), VALUE, options={"optim": "cdist"}, kind="double", tolerance=1e-4, target_opset={"": 17, "ai.onnx.ml": 3, "com.microsoft": 1})
    yield entry("option_knn_cdist", "KNeighborsRegressor", neighbors.KNeighborsRegressor(3), VALUE, options={"optim": "cdist"}, train=SPREAD, rows=UNTIED, tolerance=1e-5, target_opset={"": 17, "ai.onnx.ml": 3, "com.microsoft": 1})
    yield entry("option_isolation_score", "IsolationForest(score_samples)", ensemble.IsolationForest(n_estimators=10, random_state=0), None, options={"score_samples": True}, answers=outliers, tolerance=2e-5)
    for version in (1, 2, 5):
        yield from classifiers(lambda: ensemble.RandomForestClassifier(5, max_depth=3, random_state=0), f"option_ml{version}", "RandomForestClassifier", note=f"ai.onnx.ml {version}", target_opset={"": 12 if version < 3 else 21, "ai.onnx.ml": version}, tasks=("levels",))
    for version in (9, 11, 13, 15, 18, 21):
        yield entry(f"option_opset{version}", "StandardScaler, PCA, Ridge", make(preprocessing.StandardScaler(), decomposition.PCA(2), lm.Ridge()), VALUE, target_opset={"": version, "ai.onnx.ml": 2 if version < 15 else 3}, tolerance=5e-6)


def boosted():
    settings = dict(n_estimators=6, num_leaves=7, min_child_samples=5, verbose=-1, seed=0, n_jobs=1)
    of = dict(library="LightGBM", converter=lightgbm_as_onnx, train=GAPS, rows=EXTREME)
    yield from classifiers(lambda: lightgbm.LGBMClassifier(**settings), "lightgbm", **of)
    yield entry("lightgbm_value", "LGBMRegressor", lightgbm.LGBMRegressor(**settings), VALUE, **of)
    # The link is no part of a file for these; the converter writes it.
    yield entry("lightgbm_poisson", 'LGBMRegressor(objective="poisson")', lightgbm.LGBMRegressor(objective="poisson", **settings), COUNTS, **of)
    sets = dict(settings, max_cat_to_onehot=1, min_data_per_group=5)
    categories = lambda model, rows, target: model.fit(rows, target, categorical_feature=[3])
    yield entry("lightgbm_categories", "LGBMRegressor", lightgbm.LGBMRegressor(**sets), VALUE, note="categorical_feature", fit=categories, **{**of, "train": X, "rows": ROWS})


def boosted_by_xgboost():
    settings = dict(n_estimators=6, max_depth=3, random_state=0, n_jobs=1)
    of = dict(library="XGBoost", converter=xgboost_as_onnx, train=GAPS, rows=EXTREME)
    # It takes the numbers of classes alone.
    yield entry("xgboost_binary", "XGBClassifier", xgboost.XGBClassifier(**settings), BINARY, note="two classes", **of)
    yield entry("xgboost_levels", "XGBClassifier", xgboost.XGBClassifier(**settings), np.unique(LEVELS, return_inverse=True)[1], note="three classes", **of)
    yield entry("xgboost_value", "XGBRegressor", xgboost.XGBRegressor(**settings), VALUE, **of)
    yield entry("xgboost_poisson", 'XGBRegressor(objective="count:poisson")', xgboost.XGBRegressor(objective="count:poisson", **settings), COUNTS, **of)
    yield entry("xgboost_forest", "XGBRFRegressor", xgboost.XGBRFRegressor(**settings), VALUE, **of)


def all_entries():
    for group in (boosted, boosted_by_xgboost, linear, trees, ensembles, kernels_and_neighbours, bayes, unsupervised, prepared, tables, texts, options):
        yield from group()
