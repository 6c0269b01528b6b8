"""What a peer costs for the jobs of `cargo bench -p kilter-stats --bench speed`: CPU seconds of this process.

usage: python peers.py evidently|nannyml|fairlearn|shap   (see statistics.sh)"""
import logging, sys, time

import numpy as np, pandas as pd

logging.disable(logging.WARNING)
MILLION = 1_000_000


def cost(job, work):
    before = time.process_time()
    made = work()
    print(f"{job:<64} {time.process_time() - before:>10.4f} cpu s", flush=True)
    return made


def column(at, seed, rows, shift):
    """The shapes of the bench: normal, a tenth missing, skewed, rounded, whole numbers."""
    draw = np.random.default_rng([seed, at]).normal(shift, 1, rows)
    kind = at % 5
    if kind == 1: draw[::10] = np.nan
    return np.exp(draw) if kind == 2 else np.round(draw, 2) if kind == 3 else np.round(draw * 50) if kind == 4 else draw


def table(seed, rows, columns, shift): return pd.DataFrame({f"c{at}": column(at, seed, rows, shift) for at in range(columns)})


def evidently():
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset
    for rows, columns in ((MILLION // 10, 50), (MILLION, 4)):
        a, b = table(1, rows, columns, 0.0), table(2, rows, columns, 0.05)
        definition = DataDefinition(numerical_columns=list(a.columns))
        run = lambda: Report([DataDriftPreset()]).run(Dataset.from_pandas(b, data_definition=definition), Dataset.from_pandas(a, data_definition=definition))
        cost(f"evidently: drift preset, {rows} rows x {columns}", run)


def nannyml():
    import nannyml as nml
    r = np.random.default_rng(4)
    def scored(n):
        score = r.random(n); truth = (r.random(n) < score * score).astype(int)
        return pd.DataFrame(dict(score=score, decision=(score >= 0.5).astype(int), truth=truth))
    ref, ana = scored(MILLION), scored(MILLION)
    cbpe = lambda: nml.CBPE(metrics=["roc_auc", "f1", "accuracy"], y_pred_proba="score", y_pred="decision", y_true="truth", chunk_size=MILLION // 10, problem_type="classification_binary").fit(ref).estimate(ana.drop(columns="truth"))
    cost("nannyml: CBPE, 1 M + 1 M, three metrics", cbpe)
    a = pd.DataFrame({f"c{at}": column(5 * at, 1, MILLION, 0.0) for at in range(7)}); b = pd.DataFrame({f"c{at}": column(5 * at, 2, MILLION, 0.1) for at in range(7)})
    cost("nannyml: PCA reconstruction, 1 M + 1 M x 7", lambda: nml.DataReconstructionDriftCalculator(column_names=list(a.columns), chunk_size=MILLION // 10).fit(a).calculate(b))


def fairlearn():
    import fairlearn.metrics as F, sklearn.metrics as M
    r = np.random.default_rng(4); y = (r.random(MILLION) < 0.4).astype(int); p = (r.random(MILLION) < 0.5).astype(int)
    groups = pd.DataFrame(dict(a=r.integers(0, 2, MILLION), b=r.integers(0, 5, MILLION), c=r.integers(0, 4, MILLION)))
    metrics = dict(selection=F.selection_rate, tpr=F.true_positive_rate, fpr=F.false_positive_rate, fnr=F.false_negative_rate, precision=M.precision_score, accuracy=M.accuracy_score)
    cost("fairlearn: 1 M rows, 3 attributes crossed, no intervals", lambda: F.MetricFrame(metrics=metrics, y_true=y, y_pred=p, sensitive_features=groups).by_group)


def shap():
    import lightgbm as lgb, shap as s
    r = np.random.default_rng(6); X = r.normal(size=(20_000, 20)); y = X[:, 0] * 2 + X[:, 1] * X[:, 2] + np.sin(3 * X[:, 3]) + r.normal(0, 0.3, 20_000)
    model = lgb.train(dict(objective="regression", num_leaves=31, learning_rate=0.05, num_threads=1, verbose=-1), lgb.Dataset(X, y), 500)
    cost("shap: path-dependent, 500 trees x 10,000 rows", lambda: s.TreeExplainer(model).shap_values(X[:10_000], check_additivity=False))
    cost("shap: against 100 background rows, 500 rows", lambda: s.TreeExplainer(model, data=X[-100:], feature_perturbation="interventional").shap_values(X[:500], check_additivity=False))


if __name__ == "__main__": globals()[sys.argv[1]]()
