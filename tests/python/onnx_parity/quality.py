"""How good are the built-in trainers, beside scikit-learn, on real data in time order?

usage: python quality.py DATA QUALITY_BINARY [name ...]
DATA: the folder of Parquet files; QUALITY_BINARY: `cargo build --release -p kilter-train --example quality`.
Prints one line a data set: the metric of Kilter and of the reference, seconds, and whether onnxruntime agrees."""
import json, os, subprocess, sys, tempfile, time, warnings

warnings.filterwarnings("ignore")
os.environ.setdefault("OMP_NUM_THREADS", "2")
import numpy as np, pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier as HC, HistGradientBoostingRegressor as HR
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.pipeline import make_pipeline

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check

DATA, BINARY, ONLY = sys.argv[1], sys.argv[2], sys.argv[3:]
read = lambda path: pd.read_parquet(f"{DATA}/{path}.parquet")


def table(frame):
    columns = []
    for name, series in frame.items():
        if pd.api.types.is_datetime64_any_dtype(series):
            kind, values = "time", [None if pd.isna(v) else int(v.timestamp() * 1000) for v in series]
        elif pd.api.types.is_bool_dtype(series):
            kind, values = "bool", series.tolist()
        elif pd.api.types.is_integer_dtype(series):
            kind, values = "int", [int(v) for v in series]
        elif pd.api.types.is_float_dtype(series):
            kind, values = "float", [None if pd.isna(v) else float(v) for v in series]
        else:
            kind, values = "text", [None if pd.isna(v) else str(v) for v in series]
        columns.append({"name": name, "type": kind, "values": values})
    return columns


def coded(train, test, columns):
    """Texts as codes of the training rows, unknown ones missing."""
    out = []
    for frame in (train, test):
        coded = pd.DataFrame(index=frame.index)
        for name in columns:
            if pd.api.types.is_numeric_dtype(frame[name]):
                coded[name] = frame[name].astype(float)
            else:
                levels = sorted(train[name].dropna().unique())
                coded[name] = frame[name].map({level: i for i, level in enumerate(levels)}).astype(float)
        out.append(coded)
    return out


def kilter(folder, train, test, options):
    paths = [os.path.join(folder, name) for name in ("train.json", "test.json", "options.json", "out.json", "model.onnx")]
    for path, value in zip(paths, (table(train), table(test), options)):
        with open(path, "w") as file:
            json.dump(value, file)
    subprocess.run([BINARY, *paths], check=True)
    with open(paths[3]) as file:
        return json.load(file), paths


def score(kind, truth, answer, reference):
    if kind == "clf":
        return "AUC", roc_auc_score(truth, answer["scores"]), roc_auc_score(truth, reference)
    if kind == "reg":
        wape = lambda p: float(np.abs(truth - p).sum() / np.abs(truth).sum())
        return "WAPE", wape(np.array(answer["scores"])), wape(reference)
    f1 = lambda p: f1_score(truth, p, average="macro", zero_division=0)
    print(f"{'':14} macro F1 kilter {f1(answer['labels']):.4f} reference {f1(reference):.4f}")
    return "accuracy", accuracy_score(truth, answer["labels"]), accuracy_score(truth, reference)


def run(name, frame, columns, target, kind, is_train, is_test, learner="boosting", params=None, text=None):
    if ONLY and name not in ONLY:
        return
    train, test = frame[is_train], frame[is_test]
    kept = columns + [target]
    options = {"target": target, "learner": learner, "params": params or {}}
    if kind == "reg":
        options["task"] = "regression"
    with tempfile.TemporaryDirectory() as folder:
        answer, paths = kilter(folder, train[kept], test[kept], options)
        disagreement = check.compare(paths[4], table(test[kept]), answer)
    start = time.time()
    if text:
        model = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, max_features=40000),
            LogisticRegression(C=10, max_iter=200, class_weight="balanced" if (params or {}).get("balance") else None),
        ).fit(train[text], train[target])
        reference = model.predict(test[text])
    else:
        a, b = coded(train, test, columns)
        if learner == "linear":
            from sklearn.impute import SimpleImputer
            from sklearn.preprocessing import StandardScaler
            model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=500)).fit(a, train[target])
            reference = model.predict_proba(b)[:, 1]
        elif kind == "clf":
            reference = HC(random_state=0).fit(a, train[target].astype(int)).predict_proba(b)[:, 1]
        else:
            reference = HR(random_state=0).fit(a, train[target].astype(float)).predict(b)
    seconds = time.time() - start
    metric, ours, theirs = score(kind, test[target].values, answer, reference)
    report = answer["report"]
    print(
        f"{name:14} {metric:8} kilter {ours:.4f} reference {theirs:.4f} rows {len(train)} rounds {report['rounds']}"
        f" fit {answer['seconds']['fit']:.2f}s ({seconds:.2f}s) load {answer['seconds']['load'] * 1e3:.0f}ms"
        f" predict {answer['seconds']['predict'] * 1e6 / max(len(test), 1):.2f}us/row onnxruntime {disagreement:.1e}",
        flush=True,
    )


def main():
    d = read("customer-churn/cdnow_churn_snapshots")
    features = [c for c in d if c not in ("snapshot_date", "customer_id", "churned", "label_available_at")]
    days = sorted(d.snapshot_date.unique())
    for learner in ("boosting", "linear"):
        run(f"churn/{learner[:3]}", d, features, "churned", "clf", d.snapshot_date.isin(days[:2]), d.snapshot_date.isin(days[2:]), learner)
    d = read("customer-churn/telco_churn_static")
    third = np.arange(len(d)) % 3 == 0
    for learner in ("boosting", "linear"):
        run(f"telco/{learner[:3]}", d, [c for c in d if c != "churn"], "churn", "clf", ~third, third, learner)
    d = read("public-sector/acs_employment_ma_control")
    run("acs", d, [c for c in d if c not in ("year", "employed")], "employed", "clf", d.year == 2015, d.year > 2015)
    d = read("demand-forecasting/nsw_electricity_elec2")
    quarter = np.arange(len(d)) // (48 * 91)
    run("elec2", d, ["period", "nsw_price", "nsw_demand", "vic_price", "vic_demand", "transfer"], "price_up", "clf", quarter < 6, quarter == 6)
    d = read("healthcare/crash_mortality_benign_drift")
    run("crash", d, ["impact_speed", "airbag", "airbag_state", "seatbelt", "frontal", "sex", "age", "vehicle_year", "role"], "died", "clf", d.year <= 1998, d.year > 1998)
    d = read("public-sector/faa_wildlife_strikes")
    columns = ["opid", "operator", "aircraft", "phase_of_flt", "aircraft_mass_class", "num_engs", "time_of_day", "state", "height", "speed", "sky", "birds_seen", "birds_struck"]
    run("strikes", d, columns, "serious_effect", "clf", d.event_date.dt.year <= 1993, d.event_date.dt.year > 1993)
    d = read("transaction-anomaly/card_transactions_synthetic")
    columns = ["category", "channel", "amount", "distance_km", "hour", "secs_since_prev", "cust_tx_1h", "cust_tx_1d", "cust_tx_7d", "cust_avg_amount_30d", "amount_ratio", "merchant_confirmed_fraud_30d"]
    day = (d.event_time - d.event_time.min()).dt.days
    run("fraud", d, columns, "is_fraud", "clf", day < 60, (day >= 60) & (day < 120))
    d = read("retail/hotel_rates")
    columns = ["lead_time", "stays_in_weekend_nights", "stays_in_week_nights", "adults", "children", "meal", "country", "market_segment", "distribution_channel", "is_repeated_guest", "reserved_room_type", "customer_type", "total_of_special_requests", "historical_adr"]
    month = d.arrival_date.dt.year * 12 + d.arrival_date.dt.month
    run("hotel", d, columns, "avg_price_per_room", "reg", month < month.min() + 4, month >= month.min() + 4)
    d = read("demand-forecasting/bike_sharing_daily")
    run("bike", d, ["mnth", "holiday", "weekday", "workingday", "weathersit", "temp", "hum", "windspeed"], "cnt", "reg", d.date < "2011-10-01", d.date >= "2011-10-01")
    d = read("demand-forecasting/chicago_ridership_daily")
    columns = [c for c in d if c not in ("ridership", "label_available_at")]
    run("ridership", d.assign(dow=d.date.dt.dayofweek), ["dow"] + [c for c in columns if c != "date"], "ridership", "reg", d.date.dt.year < 2012, d.date.dt.year >= 2012)
    d = read("ticket-classification/cpython_tickets")
    is_train = d.event_date < "2018-01-01"
    for balance in (False, True):
        run("tickets", d, ["text"], "queue", "multi", is_train, ~is_train, "linear", {"balance": balance}, "text")
    run("tickets/boost", d, ["text"], "queue", "multi", is_train, ~is_train, "boosting", {}, "text")
    d = read("ticket-classification/bank_tickets_synthetic")
    is_train = np.arange(len(d)) < 3000
    run("bank_tickets", d, ["text"], "queue", "multi", is_train, ~is_train, "linear", {}, "text")


main()
