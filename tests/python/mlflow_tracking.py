"""The real MLflow client against a server: `mlflow_tracking.py URL`. Ends with 0 when everything is as MLflow's own server has it."""

import math
import os
import sys
import tempfile
import time

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException, RestException

URL = sys.argv[1]
mlflow.set_tracking_uri(URL)
client = MlflowClient()


def refused(code, text, call, *args, **kwargs):
    """The call is refused with this code, and a message that has this text."""
    try:
        call(*args, **kwargs)
    except MlflowException as error:
        assert error.error_code == code, (error.error_code, str(error))
        assert text in str(error), str(error)
        return
    raise AssertionError(f"{call.__name__} was not refused")


def experiments():
    default = client.get_experiment("0")
    assert (default.name, default.lifecycle_stage) == ("Default", "active"), default
    price = client.create_experiment("price", tags={"team": "risk"})
    found = client.get_experiment(price)
    assert (found.name, found.tags, found.artifact_location) == ("price", {"team": "risk"}, f"mlflow-artifacts:/{price}"), found
    assert client.get_experiment_by_name("price").experiment_id == price
    assert client.get_experiment_by_name("nothing") is None
    refused("RESOURCE_ALREADY_EXISTS", "already exists", client.create_experiment, "price")
    refused("RESOURCE_DOES_NOT_EXIST", "No Experiment with id=999999 exists", client.get_experiment, "999999")
    refused("INVALID_PARAMETER_VALUE", "exceeds the maximum length of 500 characters", client.create_experiment, "x" * 501)
    client.set_experiment_tag(price, "team", "pricing")
    client.set_experiment_tag(price, "note", "é" * 20_000)
    client.delete_experiment_tag(price, "note")
    client.rename_experiment(price, "prices")
    found = client.get_experiment(price)
    assert (found.name, found.tags) == ("prices", {"team": "pricing"}), found
    run = client.create_run(price)
    client.delete_experiment(price)
    assert client.get_experiment(price).lifecycle_stage == "deleted"
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    # Its name stays taken.
    refused("RESOURCE_ALREADY_EXISTS", "deleted state", client.create_experiment, "prices")
    refused("INVALID_PARAMETER_VALUE", "must be in the 'active' state", client.create_run, price)
    client.restore_experiment(price)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "active"
    return price


def runs(experiment):
    began = int(time.time() * 1000)
    with mlflow.start_run(experiment_id=experiment, run_name="first", tags={"kind": "try"}, description="a note") as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({f"p{number}": number for number in range(99)})
        mlflow.log_metric("auc", 0.8, step=1)
        mlflow.log_metrics({"auc": 0.9, "loss/val": 0.2}, step=2)
        mlflow.set_tags({"a": "1", "b": "2"})
        with mlflow.start_run(experiment_id=experiment, nested=True) as child:
            mlflow.log_metric("auc", 0.5)
    found = mlflow.get_run(run.info.run_id)
    assert found.info.status == "FINISHED" and found.info.run_name == "first", found.info
    assert began <= found.info.start_time <= found.info.end_time, found.info
    assert len(found.data.params) == 100 and found.data.params["lr"] == "0.1", found.data.params
    assert found.data.metrics == {"auc": 0.9, "loss/val": 0.2}, found.data.metrics
    assert found.data.tags["kind"] == "try" and found.data.tags["mlflow.note.content"] == "a note"
    assert found.info.artifact_uri == f"mlflow-artifacts:/{experiment}/{run.info.run_id}/artifacts"
    nested = mlflow.get_run(child.info.run_id)
    assert nested.data.tags["mlflow.parentRunId"] == run.info.run_id
    assert nested.info.run_name.count("-") == 2, nested.info.run_name
    client.update_run(run.info.run_id, status="KILLED", name="renamed")
    again = client.get_run(run.info.run_id)
    assert (again.info.status, again.info.run_name, again.data.tags["mlflow.runName"]) == ("KILLED", "renamed", "renamed")
    client.set_tag(run.info.run_id, "mlflow.runName", "tagged")
    assert client.get_run(run.info.run_id).info.run_name == "tagged"
    client.delete_tag(run.info.run_id, "a")
    refused("RESOURCE_DOES_NOT_EXIST", "No tag with name: a", client.delete_tag, run.info.run_id, "a")
    refused("RESOURCE_DOES_NOT_EXIST", "not found", client.get_run, "0" * 32)
    # A run that ended goes on again.
    with mlflow.start_run(run_id=run.info.run_id):
        assert client.get_run(run.info.run_id).info.status == "RUNNING"
    client.delete_run(run.info.run_id)
    refused("INVALID_PARAMETER_VALUE", "must be in the 'active' state", client.log_metric, run.info.run_id, "x", 1.0)
    client.restore_run(run.info.run_id)
    return run.info.run_id


def values(run):
    client.log_metric(run, "odd", math.nan, step=1)
    client.log_metric(run, "odd", math.inf, step=2)
    client.log_metric(run, "odd", -math.inf, step=3)
    history = client.get_metric_history(run, "odd")
    largest = sys.float_info.max
    assert math.isnan(history[0].value) and [point.value for point in history[1:]] == [largest, -largest], history
    # The latest is that of the highest step, whatever came last.
    client.log_metric(run, "late", 1.0, step=9, timestamp=1)
    client.log_metric(run, "late", 2.0, step=3, timestamp=2)
    assert client.get_run(run).data.metrics["late"] == 1.0
    # A batch again is the same batch; the same parameter again too, another value is not.
    batch = dict(
        metrics=[Metric("many", number / 7, 1000 + number, number) for number in range(1000)],
    )
    for _ in range(2):
        client.log_batch(run, **batch)
    assert len(client.get_metric_history(run, "many")) == 1000
    client.log_param(run, "lr", 0.1)
    refused("INVALID_PARAMETER_VALUE", "Changing param values is not allowed", client.log_param, run, "lr", 0.2)
    bad = [Param("new", "1"), Param("lr", "0.3")]
    refused("INVALID_PARAMETER_VALUE", "Changing param values", client.log_batch, run, params=bad, tags=[RunTag("t", "1")])
    data = client.get_run(run).data
    assert "new" not in data.params and "t" not in data.tags, data
    client.log_param(run, "long", "ä" * 7000)
    client.set_tag(run, "long", "ä" * 9000)
    data = client.get_run(run).data
    assert (len(data.params["long"]), len(data.tags["long"])) == (6000, 8000)
    for name in ["../up", "/root", "a//b", ""]:
        refused("INVALID_PARAMETER_VALUE", "", client.log_metric, run, name, 1.0)


def datasets(run):
    import pandas

    data = mlflow.data.from_pandas(pandas.DataFrame({"x": [1, 2], "y": [0, 1]}), source="s3://b/x.csv", name="loans", targets="y")
    with mlflow.start_run(run_id=run):
        mlflow.log_input(data, context="training", tags={"slice": "all"})
        mlflow.log_input(data, context="training")
    (found,) = client.get_run(run).inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("loans", data.digest), found
    assert {tag.key: tag.value for tag in found.tags} == {"mlflow.data.context": "training", "slice": "all"}, found.tags


def artifacts(run):
    root = client.get_run(run).info.artifact_uri
    folder = tempfile.mkdtemp()
    os.makedirs(f"{folder}/sub")
    big = os.urandom(3_000_000)
    with open(f"{folder}/sub/é b.bin", "wb") as file:
        file.write(big)
    open(f"{folder}/empty", "w").close()
    with mlflow.start_run(run_id=run):
        mlflow.log_text("hello", "notes/a b%20.txt")
        mlflow.log_artifacts(folder, "folder")
    listed = lambda path=None: [(file.path, file.is_dir, file.file_size) for file in client.list_artifacts(run, path)]
    assert listed() == [("folder", True, None), ("notes", True, None)], listed()
    assert listed("folder") == [("folder/empty", False, 0), ("folder/sub", True, None)], listed("folder")
    assert listed("folder/sub") == [("folder/sub/é b.bin", False, len(big))], listed("folder/sub")
    assert listed("folder/empty") == [] and listed("nothing") == []
    path = mlflow.artifacts.download_artifacts(run_id=run, artifact_path="folder")
    with open(f"{path}/sub/é b.bin", "rb") as file:
        assert file.read() == big
    assert mlflow.artifacts.load_text(f"{root}/notes/a b%20.txt") == "hello"
    repository = mlflow.store.artifact.artifact_repository_registry.get_artifact_repository(root)
    repository.delete_artifacts("folder/sub")
    assert listed("folder") == [("folder/empty", False, 0)], listed("folder")
    # A name that stands already is replaced.
    with mlflow.start_run(run_id=run):
        mlflow.log_text("again", "notes/a b%20.txt")
    assert mlflow.artifacts.load_text(f"{root}/notes/a b%20.txt") == "again"


def searches():
    experiment = client.create_experiment("searched")
    made = {}
    for number in range(6):
        tags = {"kind": "even" if number % 2 == 0 else "odd"}
        run = client.create_run(experiment, start_time=1_700_000_000_000 + number, run_name=f"run {number}", tags=tags)
        made[run.info.run_id] = number
        client.log_param(run.info.run_id, "depth", number)
        if number != 3:
            client.log_metric(run.info.run_id, "auc", math.nan if number == 5 else number / 10)
        client.set_terminated(run.info.run_id, status="FAILED" if number == 1 else "FINISHED")

    def found(text, order_by=None, **more):
        runs = client.search_runs([experiment], text, order_by=order_by or ["attributes.start_time ASC"], **more)
        return [made[run.info.run_id] for run in runs]

    for text, expected in {
        "": [0, 1, 2, 3, 4, 5],
        "metrics.auc > 0.1": [2, 4],
        "metrics.auc >= 0.1": [1, 2, 4],
        "metrics.auc = 0.2": [2],
        "metric.auc != 0.2 AND metrics.auc < 1": [0, 1, 4],
        "metrics.auc <= -1e-3": [],
        "params.depth = '3'": [3],
        "param.depth != '3' and parameters.depth != '4'": [0, 1, 2, 5],
        "params.depth LIKE '_'": [0, 1, 2, 3, 4, 5],
        "params.nothing IS NULL and params.depth IS NOT NULL": [0, 1, 2, 3, 4, 5],
        "tags.kind ILIKE 'ODD'": [1, 3, 5],
        "tags.kind LIKE 'ODD'": [],
        "tags.`mlflow.runName` = 'run 4'": [4],
        'tags."kind" = "even"': [0, 2, 4],
        "attributes.status = 'FAILED'": [1],
        "status != 'FAILED'": [0, 2, 3, 4, 5],
        "run_name LIKE 'run%'": [0, 1, 2, 3, 4, 5],
        "attr.start_time > 1700000000003": [4, 5],
        "created <= 1700000000001": [0, 1],
        f"run_id IN ('{list(made)[2]}', 'none')": [2],
        f"attribute.run_id NOT IN ('{list(made)[2]}')": [0, 1, 3, 4, 5],
        # What MLflow's own server does not have.
        "params.depth = '0' OR params.depth = '5'": [0, 5],
        "NOT (tags.kind = 'odd' OR metrics.auc > 0.3)": [0, 2],
    }.items():
        assert found(text) == expected, (text, found(text))
    # NaN and what is missing come last, both ways.
    assert found("", ["metrics.auc ASC"])[:4] == [0, 1, 2, 4] and found("", ["metrics.auc DESC"])[:4] == [4, 2, 1, 0]
    assert found("", ["params.depth DESC"]) == [5, 4, 3, 2, 1, 0]
    page = client.search_runs([experiment], order_by=["params.depth"], max_results=4)
    rest = client.search_runs([experiment], order_by=["params.depth"], max_results=4, page_token=page.token)
    assert [made[run.info.run_id] for run in list(page) + list(rest)] == [0, 1, 2, 3, 4, 5] and not rest.token
    for wrong in ["metrics.auc > 'x'", "params.depth > 3", "nothing.x = 1", "metrics.auc >", "run_name IN ('a')", "a = 'b' AND"]:
        refused("INVALID_PARAMETER_VALUE", "", client.search_runs, [experiment], wrong)
    refused("INVALID_PARAMETER_VALUE", "", client.search_runs, [experiment], "", max_results=50_001)
    client.delete_run(list(made)[0])
    assert found("", run_view_type=mlflow.entities.ViewType.DELETED_ONLY) == [0]
    assert found("", run_view_type=mlflow.entities.ViewType.ALL) == [0, 1, 2, 3, 4, 5]
    names = lambda text, **more: [found.name for found in client.search_experiments(filter_string=text, **more)]
    assert names("name LIKE 'sear%'") == ["searched"]
    assert names("tags.team = 'pricing'") == ["prices"]
    assert set(names("", order_by=["name ASC"])) >= {"Default", "prices", "searched"}
    assert names("name = 'searched'", view_type=mlflow.entities.ViewType.DELETED_ONLY) == []


def models():
    import numpy
    from sklearn.linear_model import LogisticRegression

    mlflow.set_experiment("trained")
    x, y = numpy.arange(40.0).reshape(20, 2), numpy.arange(20) > 9
    mlflow.sklearn.autolog(log_input_examples=True, log_model_signatures=True)
    with mlflow.start_run() as run:
        LogisticRegression(C=0.5).fit(x, y)
    mlflow.sklearn.autolog(disable=True)
    found = client.get_run(run.info.run_id)
    assert found.data.params["C"] == "0.5" and found.data.metrics["training_accuracy_score"] == 1.0, found.data
    (output,) = found.outputs.model_outputs
    model = mlflow.get_logged_model(output.model_id)
    assert (model.status.name, model.source_run_id) == ("READY", run.info.run_id), model
    assert {metric.key for metric in model.metrics} >= {"training_accuracy_score"}, model.metrics
    loaded = mlflow.sklearn.load_model(f"models:/{model.model_id}")
    assert (loaded.predict(x) == y).all()
    assert mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model").metadata.signature is not None
    searched = mlflow.search_logged_models(
        [found.info.experiment_id], filter_string="metrics.training_accuracy_score > 0.5", output_format="list"
    )
    assert [model.model_id for model in searched] == [output.model_id], searched
    client.set_logged_model_tags(model.model_id, {"stage": "try"})
    assert client.get_logged_model(model.model_id).tags["stage"] == "try"
    client.delete_logged_model_tag(model.model_id, "stage")
    client.delete_logged_model(model.model_id)
    refused("RESOURCE_DOES_NOT_EXIST", "", client.get_logged_model, model.model_id)


def main():
    experiment = experiments()
    run = runs(experiment)
    values(run)
    datasets(run)
    artifacts(run)
    searches()
    models()
    try:
        client.get_trace("tr-none")
        raise AssertionError("there are no traces here")
    except (MlflowException, RestException) as error:
        assert error.error_code in ("ENDPOINT_NOT_FOUND", "NOT_FOUND", "RESOURCE_DOES_NOT_EXIST"), error.error_code
    print("as MLflow has it")


main()
