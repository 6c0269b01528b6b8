"""The real MLflow client fills a server or folder, and compares two of them field by field.

`mlflow_transfer.py make URI`: makes experiments, runs, models and a registry. `mlflow_transfer.py change URI`: changes some of it.
`mlflow_transfer.py compare FROM TO [--registry]`: ends with 0 if TO has everything that FROM has.
"""

import hashlib
import math
import os
import sys
import tempfile
import time

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType

LONG = 30_000


def make(uri):
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = MlflowClient()
    price = client.create_experiment("price of düngemittel", tags={"team": "risk", "note": "two\nlines: é 漢 \"quoted\""})
    gone = client.create_experiment("gone")
    client.create_experiment("empty")
    mlflow.set_experiment(experiment_id=price)
    with mlflow.start_run(run_name="outer", tags={"kind": "ünïcode\n\ttab", "empty": ""}) as outer:
        mlflow.log_params({"depth": 3, "long": "x" * 5000, "path": "a/b"})
        mlflow.log_metric("auc", 0.5, step=1)
        mlflow.log_metric("auc", math.nan, step=2)
        mlflow.log_metric("inf", math.inf)
        mlflow.log_metric("inf", -math.inf, step=-3)
        mlflow.log_metric("train/loss", 1e-300)
        at = int(time.time() * 1000)
        for first in range(0, LONG, 1000):
            points = [Metric("long", float(step) / 7, at + step // 3, step) for step in range(first, first + 1000)]
            client.log_batch(outer.info.run_id, metrics=points)
        import pandas

        frame = pandas.DataFrame({"x": range(100), "y": range(100)})
        mlflow.log_input(mlflow.data.from_pandas(frame, source="s3://data/x: y.csv", name="train data"), context="training")
        mlflow.log_input(mlflow.data.from_pandas(frame[:50], source="/tmp/test.csv", name="test"), context="evaluation")
        mlflow.log_text("top", "top.txt")
        mlflow.log_text("deep", "a folder/b/é.txt")
        mlflow.log_text("", "empty.txt")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "large.bin")
            with open(path, "wb") as file:
                for number in range(20 * 1024):
                    file.write(hashlib.sha256(str(number).encode()).digest() * 32)
            mlflow.log_artifact(path, "large")
        for number in range(3):
            with mlflow.start_run(run_name=f"inner {number}", nested=True):
                mlflow.log_metric("auc", 0.6 + number / 100, step=number)
                mlflow.log_metric("loss", 1.0 / (number + 1))
                mlflow.log_param("number", number)
        from sklearn.linear_model import LinearRegression

        model = LinearRegression().fit(frame[["x"]], frame["y"])
        info = mlflow.sklearn.log_model(model, name="line", input_example=frame[["x"]][:3], params={"alpha": 1})
        client.set_logged_model_tags(info.model_id, {"stage": "é\nnew"})
        mlflow.log_metric("rmse", 0.25, step=1, model_id=info.model_id)
    deleted = client.create_run(price, run_name="deleted")
    client.log_batch(deleted.info.run_id, params=[Param("a", "b")], tags=[RunTag("t", "v")])
    client.set_terminated(deleted.info.run_id, "KILLED")
    client.delete_run(deleted.info.run_id)
    failed = client.create_run(gone, run_name="failed")
    client.log_metric(failed.info.run_id, "auc", 0.1)
    client.set_terminated(failed.info.run_id, "FAILED")
    client.delete_experiment(gone)
    client.create_run("0", run_name="goes on", tags={"mlflow.user": "ana"})
    registry(client, info)


def registry(client, info):
    client.create_registered_model("price model", tags={"owner": "risk"}, description="two\nlines é")
    for number in range(3):
        version = mlflow.register_model(info.model_uri, "price model", tags={"n": str(number)})
        client.update_model_version("price model", version.version, f"number {number}")
    client.delete_model_version("price model", "2")
    client.set_registered_model_alias("price model", "champion", "1")
    client.set_registered_model_alias("price model", "next", "3")
    client.transition_model_version_stage("price model", "1", "Production")
    client.create_registered_model("no versions")


def change(uri):
    """After an import: another run, a run that goes on, a tag, and a run that is deleted."""
    mlflow.set_tracking_uri(uri)
    client = MlflowClient()
    price = client.get_experiment_by_name("price of düngemittel").experiment_id
    late = client.create_run(price, run_name="late")
    client.log_metric(late.info.run_id, "auc", 0.9)
    client.set_terminated(late.info.run_id)
    going = [run for run in client.search_runs(["0"]) if run.info.run_name == "goes on"][0]
    client.log_metric(going.info.run_id, "auc", 0.7, step=5)
    client.set_tag(going.info.run_id, "seen", "again")
    inner = [run for run in client.search_runs([price]) if run.info.run_name == "inner 2"][0]
    client.delete_run(inner.info.run_id)
    client.log_text(late.info.run_id, "late", "late.txt")


def every(call, **arguments):
    found, token = [], None
    while True:
        page = call(page_token=token, **arguments)
        found += list(page)
        token = page.token
        if not token:
            return found


def value(number):
    if math.isnan(number):
        return "NaN"
    return max(min(number, sys.float_info.max), -sys.float_info.max)


def contents(uri, run_id):
    """Path, size and digest of each artifact of a run."""
    mlflow.set_tracking_uri(uri)
    client = MlflowClient()
    found = {}
    folders = [None]
    while folders:
        for file in client.list_artifacts(run_id, folders.pop()):
            if file.is_dir:
                folders.append(file.path)
                continue
            with tempfile.TemporaryDirectory() as folder:
                with open(client.download_artifacts(run_id, file.path, folder), "rb") as bytes_:
                    # A server leaves out the size of an empty file.
                    found[file.path] = (file.file_size or 0, hashlib.sha256(bytes_.read()).hexdigest())
    return found


def model_contents(uri, model_id):
    mlflow.set_tracking_uri(uri)
    with tempfile.TemporaryDirectory() as folder:
        local = mlflow.artifacts.download_artifacts(f"models:/{model_id}", dst_path=folder)
        found = {}
        for root, _, files in os.walk(local):
            for name in files:
                path = os.path.join(root, name)
                # The client writes this one where it downloads to.
                if name != "registered_model_meta":
                    with open(path, "rb") as file:
                        found[os.path.relpath(path, local)] = hashlib.sha256(file.read()).hexdigest()
        return found


def read_run(client, run):
    info, data = run.info, run.data
    inputs = sorted(
        (i.dataset.name, i.dataset.digest, i.dataset.source_type, i.dataset.source, i.dataset.schema, i.dataset.profile,
         sorted((tag.key, tag.value) for tag in i.tags))
        for i in run.inputs.dataset_inputs
    )
    histories = {
        key: sorted((m.step, m.timestamp, str(value(m.value))) for m in client.get_metric_history(info.run_id, key))
        for key in data.metrics
    }
    for key, points in histories.items():
        if mlflow.get_tracking_uri().startswith("file:"):
            # `log_model` logs what is there once more, which a folder keeps.
            histories[key] = sorted(set(points))
        assert len(histories[key]) == len(set(points)), f"points of {key} are there twice"
    return {
        "name": info.run_name, "user": info.user_id, "status": info.status, "start": info.start_time, "end": info.end_time,
        "lifecycle": info.lifecycle_stage, "params": data.params, "tags": data.tags,
        "latest": {key: str(value(number)) for key, number in data.metrics.items()}, "histories": histories, "inputs": inputs,
        "outputs": sorted((o.model_id, o.step) for o in (run.outputs.model_outputs if run.outputs else [])),
    }


def read_model(model):
    return {
        "name": model.name, "run": model.source_run_id, "type": model.model_type or "", "status": str(model.status),
        "created": model.creation_timestamp, "updated": model.last_updated_timestamp, "params": model.params,
        "tags": model.tags,
        "metrics": sorted((m.key, str(value(m.value)), m.step, m.timestamp, m.dataset_name or "", m.run_id) for m in model.metrics or []),
    }


def read(uri):
    """Everything that a server or a folder has, by name."""
    mlflow.set_tracking_uri(uri)
    client = MlflowClient()
    found = {}
    for experiment in every(client.search_experiments, view_type=ViewType.ALL):
        if experiment.experiment_id != "0":
            found[f"experiment {experiment.name}"] = {
                "id": experiment.experiment_id, "lifecycle": experiment.lifecycle_stage, "tags": experiment.tags,
                "created": experiment.creation_time, "updated": experiment.last_update_time,
            }
        ids = [experiment.experiment_id]
        for run in every(client.search_runs, experiment_ids=ids, run_view_type=ViewType.ALL):
            found[f"run {run.info.run_id}"] = {
                "experiment": experiment.name, **read_run(client, client.get_run(run.info.run_id)),
                "artifacts": contents(uri, run.info.run_id),
            }
        if experiment.lifecycle_stage == "active":
            for model in every(client.search_logged_models, experiment_ids=ids):
                found[f"model {model.model_id}"] = {
                    "experiment": experiment.name, **read_model(model), "files": model_contents(uri, model.model_id),
                }
    return found


def read_registry(uri):
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = MlflowClient()
    found = {}
    for model in every(client.search_registered_models):
        found[f"registered model {model.name}"] = {
            "description": model.description or "", "tags": model.tags, "created": model.creation_timestamp,
            "updated": model.last_updated_timestamp, "aliases": {name: str(number) for name, number in model.aliases.items()},
        }
    for version in every(client.search_model_versions):
        version = client.get_model_version(version.name, version.version)
        found[f"version {version.name} {version.version}"] = {
            "description": version.description or "", "tags": version.tags, "created": version.creation_timestamp,
            "updated": version.last_updated_timestamp, "run": version.run_id or "", "stage": version.current_stage,
            "status": version.status, "source": version.source, "user": version.user_id or "",
            "aliases": sorted(version.aliases),
        }
    return found


def compare(there, here, registry):
    left, right = read(there), read(here)
    if registry:
        left.update(read_registry(there))
        right.update(read_registry(here))
    assert len(left) > 8, left.keys()
    assert left.keys() <= right.keys(), left.keys() - right.keys()
    for name, fields in left.items():
        for field, expected in fields.items():
            assert right[name][field] == expected, f"{name}: {field}: {str(expected)[:300]} is {str(right[name][field])[:300]}"
    longest = max(len(points) for fields in left.values() for points in fields.get("histories", {}).values())
    assert longest == LONG, longest
    if registry:
        mlflow.set_tracking_uri(here)
        mlflow.set_registry_uri(here)
        import pandas

        champion = mlflow.pyfunc.load_model("models:/price model@champion")
        assert abs(champion.predict(pandas.DataFrame({"x": [4]}))[0] - 4) < 1e-6
    print(f"{len(left)} things are the same field by field")


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    if verb == "make":
        make(rest[0])
    elif verb == "change":
        change(rest[0])
    else:
        compare(rest[0], rest[1], "--registry" in rest)
