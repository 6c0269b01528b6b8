"""The registry of models as the real MLflow client sees it: `mlflow_registry.py URL`. Ends with 0 when everything is as MLflow's own server
has it. With `--mlflow` behind the address the server is MLflow's own, and what Kilter adds is left out."""

import json
import os
import sys
import tempfile
import urllib.error
import urllib.request

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LinearRegression

URL = sys.argv[1]
IS_KILTER = "--mlflow" not in sys.argv
mlflow.set_tracking_uri(URL)
client = MlflowClient()
ROWS = [[1.0], [2.0], [3.0]]


def refused(code, text, call, *args, **kwargs):
    """The call is refused with this code, and a message that has this text."""
    try:
        call(*args, **kwargs)
    except MlflowException as error:
        assert error.error_code == code, (error.error_code, str(error))
        assert text in str(error), str(error)
        return
    raise AssertionError(f"{call.__name__} {args} was not refused")


def ask(method, path, body=None):
    """Status and answer of the server, without the client."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/api/2.0/mlflow/{path}", data, {"content-type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def models():
    made = client.create_registered_model("price model", tags={"team": "risk", "empty": ""}, description="of houses")
    assert (made.name, made.description, made.tags) == ("price model", "of houses", {"team": "risk", "empty": ""}), made
    assert made.creation_timestamp == made.last_updated_timestamp and not made.latest_versions and not made.aliases, made
    refused("RESOURCE_ALREADY_EXISTS", "Registered Model (name=price model) already exists.", client.create_registered_model, "price model")
    for name, text in (("a/b", "Names cannot contain '/' or ':'"), ("a:b", "Names cannot contain"), ("..", "must not resolve to other names")):
        refused("INVALID_PARAMETER_VALUE", text, client.create_registered_model, name)
    if IS_KILTER:
        refused("INVALID_PARAMETER_VALUE", "exceeds the maximum length of 256", client.create_registered_model, "x" * 257)
    refused("INVALID_PARAMETER_VALUE", "exceeds the maximum length of 100000", client.set_registered_model_tag, "price model", "a", "x" * 100_001)
    client.set_registered_model_tag("price model", "team", "pricing")
    client.set_registered_model_tag("price model", "note", "é\n" * 50_000)
    client.delete_registered_model_tag("price model", "empty")
    client.delete_registered_model_tag("price model", "never there")
    found = client.get_registered_model("price model")
    assert found.tags == {"team": "pricing", "note": "é\n" * 50_000}, found.tags.keys()
    assert found.last_updated_timestamp == made.last_updated_timestamp, "a tag is no change of the model"
    changed = client.update_registered_model("price model", "of flats")
    assert changed.description == "of flats" and changed.last_updated_timestamp >= made.last_updated_timestamp, changed
    missing = "Registered Model with name=nothing not found"
    refused("RESOURCE_DOES_NOT_EXIST", missing, client.get_registered_model, "nothing")
    refused("RESOURCE_DOES_NOT_EXIST", missing, client.update_registered_model, "nothing", "x")
    refused("RESOURCE_DOES_NOT_EXIST", missing, client.rename_registered_model, "nothing", "other")
    refused("RESOURCE_DOES_NOT_EXIST", missing, client.delete_registered_model, "nothing")
    refused("RESOURCE_DOES_NOT_EXIST", missing, client.set_registered_model_tag, "nothing", "a", "b")
    assert ask("GET", "registered-models/get")[1]["message"].startswith("Missing value for required parameter 'name'.")
    status, said = ask("POST", "registered-models/create", {"name": 5})
    assert status == 400 and "Invalid value 5 for parameter 'name' supplied" in said["message"], said


def run_with_model():
    with mlflow.start_run() as run:
        mlflow.log_metric("auc", 0.9)
        model = LinearRegression().fit(ROWS, [2.0, 4.0, 6.0])
        logged = mlflow.sklearn.log_model(model, name="model", input_example=ROWS)
    return run.info.run_id, logged


def versions(run_id, logged):
    name = "price model"
    first = mlflow.register_model(f"models:/{logged.model_id}", name, tags={"kind": "first"})
    assert (str(first.version), first.current_stage, first.status, first.tags) == ("1", "None", "READY", {"kind": "first"}), first
    assert first.source == f"models:/{logged.model_id}" and first.run_id == run_id, first
    noted = json.loads(client.get_logged_model(logged.model_id).tags["mlflow.modelVersions"])
    # The server notes it, and so does this client.
    assert noted == [{"name": name, "version": 1}, {"name": name, "version": "1"}], noted
    uri = client.get_model_version_download_uri(name, "1")
    assert uri == client.get_logged_model(logged.model_id).artifact_location, uri
    second = mlflow.register_model(f"runs:/{run_id}/model", name)
    assert str(second.version) == "2" and second.run_id == run_id, second
    third = client.create_model_version(name, f"{client.get_run(run_id).info.artifact_uri}/other", run_id, description="third", run_link="http://x/y")
    assert (third.description, third.run_link, third.source) == ("third", "http://x/y", f"{client.get_run(run_id).info.artifact_uri}/other"), third
    fourth = client.create_model_version(name, "s3://bucket/folder/model")
    assert fourth.run_id == "" and client.get_model_version_download_uri(name, 4) == "s3://bucket/folder/model", fourth
    copied = client.copy_model_version(f"models:/{name}/1", "copy of price")
    assert copied.source == f"models:/{name}/1" and copied.run_id == run_id, copied
    assert client.get_model_version_download_uri("copy of price", "1") == uri
    for source, text in (
        ("runs:/" + "0" * 32 + "/model", "The run_id request parameter must identify"),
        (f"models:/{logged.model_id}", "The model_id request parameter must identify"),
        ("/etc/passwd", "To use a local path as a model version source"),
        ("mlflow-artifacts:/0/../1/x", "absolute path must be provided"),
        ("mlflow-artifacts:/0/%252e%252e/x", "absolute path must be provided"),
        ("mlflow-artifacts:/0/other/artifacts/x", "The run_id request parameter must identify"),
        ("https://example.com/model", "addresses a host"),
        ("s3://bucket", "absolute path must be provided"),
        ("models://host/price model/1", "active model registry"),
    ):
        status, said = ask("POST", "model-versions/create", {"name": name, "source": source, "run_id": run_id if "other" in source else ""})
        assert (status, said["error_code"]) == (400, "INVALID_PARAMETER_VALUE") and text in said["message"], (source, said)
    refused("RESOURCE_DOES_NOT_EXIST", "name=nothing not found", client.create_model_version, "nothing", "s3://bucket/model")
    refused("RESOURCE_DOES_NOT_EXIST", f"Model Version (name={name}, version=9) not found", client.get_model_version, name, "9")
    refused("INVALID_PARAMETER_VALUE", "Parameter 'version' must be an integer, got 'x'.", client.get_model_version, name, "x")
    client.set_model_version_tag(name, "1", "kind", "best")
    client.set_model_version_tag(name, "1", "more", "x")
    client.delete_model_version_tag(name, "1", "more")
    client.delete_model_version_tag(name, "1", "never there")
    changed = client.update_model_version(name, "1", "the first")
    assert (changed.description, changed.tags) == ("the first", {"kind": "best"}), changed
    refused("RESOURCE_DOES_NOT_EXIST", "version=9) not found", client.set_model_version_tag, name, "9", "a", "b")


def aliases():
    name = "price model"
    client.set_registered_model_alias(name, "champion", "1")
    client.set_registered_model_alias(name, "new", 2)
    client.set_registered_model_alias(name, "new", 4)
    assert {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()} == {"champion": "1", "new": "4"}
    found = client.get_model_version_by_alias(name, "champion")
    assert str(found.version) == "1" and found.aliases == ["champion"], found
    assert client.get_model_version(name, "4").aliases == ["new"]
    assert str(client.get_model_version_by_alias(name, "latest").version) == "4"
    client.delete_registered_model_alias(name, "new")
    client.delete_registered_model_alias(name, "never-there")
    refused("INVALID_PARAMETER_VALUE", "Registered model alias new not found.", client.get_model_version_by_alias, name, "new")
    for alias, text in (("latest", "is reserved"), ("v3", "Version alias name 'v3' is reserved."), ("a b", "Names may only contain alphanumerics"), ("x" * 256, "maximum length")):
        status, said = ask("POST", "registered-models/alias", {"name": name, "alias": alias, "version": "1"})
        assert (status, said["error_code"]) == (400, "INVALID_PARAMETER_VALUE") and text in said["message"], said
    refused("RESOURCE_DOES_NOT_EXIST", "version=9) not found", client.set_registered_model_alias, name, "a", "9")


def stages():
    name = "price model"
    moved = client.transition_model_version_stage(name, "1", "production")
    assert moved.current_stage == "Production" and moved.aliases == ["champion"], moved
    client.transition_model_version_stage(name, "2", "Staging")
    client.transition_model_version_stage(name, "3", "Staging", archive_existing_versions=True)
    latest = {version.current_stage: str(version.version) for version in client.get_latest_versions(name)}
    assert latest == {"Production": "1", "Archived": "2", "Staging": "3", "None": "4"}, latest
    assert [str(version.version) for version in client.get_latest_versions(name, ["production", "None"])] == ["1", "4"]
    status, said = ask("GET", "registered-models/get-latest-versions?name=price+model&stages=Staging&stages=Archived")
    assert status == 200 and [version["version"] for version in said["model_versions"]] == ["2", "3"], said
    assert len(client.get_registered_model(name).latest_versions) == 4
    refused("INVALID_PARAMETER_VALUE", "Invalid Model Version stage: live", client.transition_model_version_stage, name, "1", "live")
    if IS_KILTER:
        refused("INVALID_PARAMETER_VALUE", "is not an Active stage", client.transition_model_version_stage, name, "1", "None", True)


def loading(run_id, logged):
    expected = [2.0, 4.0, 6.0]
    for uri in (
        "models:/price model/1",
        "models:/price model@champion",
        "models:/price model/Production",
        "models:/copy of price/1",
        "models:/copy of price/latest",
        f"models:/{logged.model_id}",
        f"runs:/{run_id}/model",
    ):
        answers = mlflow.pyfunc.load_model(uri).predict(ROWS)
        assert [round(float(answer), 6) for answer in answers] == expected, (uri, answers)
    with tempfile.TemporaryDirectory() as folder:
        path = mlflow.artifacts.download_artifacts("models:/price model/1", dst_path=folder)
        assert os.path.exists(os.path.join(path, "MLmodel")), os.listdir(path)


def searches():
    for number in range(12):
        client.create_registered_model(f"search-{number:02}", tags={"parity": ("even", "odd")[number % 2], "a b": "é"})
        client.create_model_version(f"search-{number:02}", f"s3://bucket/search/{number}", tags={"parity": ("even", "odd")[number % 2]})

    def found(filter_string="", **more):
        return [model.name for model in client.search_registered_models(filter_string, **more)]

    assert found("name LIKE 'search-%'") == [f"search-{number:02}" for number in range(12)]
    assert found("name ilike 'SEARCH-0%'") == [f"search-{number:02}" for number in range(10)]
    assert found("name LIKE 'SEARCH%'") == []
    assert found("name = 'search-03'") == ["search-03"]
    assert found("name != 'search-03' AND name LIKE 'search-0%' and tags.parity = 'odd'") == [f"search-0{number}" for number in (1, 5, 7, 9)]
    assert found("name IN ('search-01', 'price model')") == ["price model", "search-01"]
    assert found("tags.`a b` = 'é' AND tags.parity != 'odd'") == [f"search-{number:02}" for number in range(0, 12, 2)]
    assert found("tags.parity LIKE 'ev%' AND name LIKE 'search-1%'") == ["search-10"]
    assert found("tags.parity ILIKE 'EV%' AND name LIKE 'search-1%'") == ["search-10"]
    if IS_KILTER:
        assert found("name = 'search-01' OR (tags.parity = 'even' AND NOT name LIKE 'search-0%')") == ["search-01", "search-10"]
    assert found("name LIKE 'search-0%'", order_by=["name DESC"], max_results=2) == ["search-09", "search-08"]
    client.update_registered_model("search-05", "newest")
    assert found("name LIKE 'search-%'", order_by=["last_updated_timestamp DESC"], max_results=1) == ["search-05"]
    page, seen = None, []
    while True:
        listed = client.search_registered_models("name LIKE 'search-%'", max_results=5, page_token=page)
        seen += [model.name for model in listed]
        page = listed.token
        if not page:
            break
    assert seen == [f"search-{number:02}" for number in range(12)], seen
    assert str(client.search_registered_models("name = 'search-01'")[0].latest_versions[0].version) == "1"
    for filter_string, text in (("description = 'x'", ""), ("name > 'a'", ""), ("name = 'a' OR", ""), ("name = 'a'; DROP TABLE registered_model", "")):
        refused("INVALID_PARAMETER_VALUE", text, client.search_registered_models, filter_string)
    refused("INVALID_PARAMETER_VALUE", "", client.search_registered_models, "", order_by=["tags.parity"])
    refused("INVALID_PARAMETER_VALUE", "", client.search_registered_models, "", max_results=1001)

    def versions_of(filter_string="", **more):
        return [(version.name, int(version.version)) for version in client.search_model_versions(filter_string, **more)]

    name = "price model"
    assert versions_of(f"name = '{name}'", order_by=["version_number ASC"]) == [(name, number) for number in (1, 2, 3, 4)]
    assert versions_of(f"name = '{name}' AND version_number >= 3", order_by=["version_number DESC"]) == [(name, 4), (name, 3)]
    assert versions_of("source_path LIKE 's3://bucket/search/1%' AND tags.parity = 'odd'", order_by=["name"]) == [("search-01", 1), ("search-11", 1)]
    assert versions_of("source_path = 's3://bucket/folder/model'") == [(name, 4)]
    run_id = client.get_model_version(name, "1").run_id
    assert versions_of(f"run_id = '{run_id}' AND name = '{name}'", order_by=["version_number"]) == [(name, 1), (name, 2), (name, 3)]
    assert len(versions_of(f"run_id IN ('{run_id}', 'x')")) == 4
    client.update_model_version(name, "2", "changed last")
    assert versions_of()[0] == (name, 2) and len(versions_of()) == 4 + 1 + 12
    assert versions_of("", max_results=3, order_by=["creation_timestamp ASC"])[0] == (name, 1)
    refused("INVALID_PARAMETER_VALUE", "", client.search_model_versions, "current_stage = 'None'")


def renaming_and_deleting():
    client.create_registered_model("taken")
    refused("RESOURCE_ALREADY_EXISTS", "Registered Model (name=taken) already exists", client.rename_registered_model, "price model", "taken")
    before = client.get_model_version("price model", "1")
    client.rename_registered_model("price model", "prices")
    assert client.get_model_version("prices", "1").last_updated_timestamp >= before.last_updated_timestamp
    refused("RESOURCE_DOES_NOT_EXIST", "name=price model not found", client.get_registered_model, "price model")
    assert str(client.get_model_version_by_alias("prices", "champion").version) == "1"
    client.set_registered_model_alias("prices", "old", "4")
    client.delete_model_version("prices", "4")
    refused("RESOURCE_DOES_NOT_EXIST", "version=4) not found", client.get_model_version, "prices", "4")
    refused("INVALID_PARAMETER_VALUE", "alias old not found", client.get_model_version_by_alias, "prices", "old")
    # A number is given once.
    assert str(client.create_model_version("prices", "s3://bucket/again").version) == "5"
    assert str(client.get_model_version_by_alias("prices", "latest").version) == "5"
    client.delete_registered_model("prices")
    refused("RESOURCE_DOES_NOT_EXIST", "name=prices not found", client.get_registered_model, "prices")
    assert client.search_model_versions("name = 'prices'") == []
    # The files of its versions are those of the run, and stay.
    assert mlflow.pyfunc.load_model("models:/copy of price/1").predict(ROWS) is not None
    client.create_registered_model("prices")
    assert str(client.create_model_version("prices", "s3://bucket/again").version) == "1"
    status, said = ask("GET", "registered-models/alias?name=taken&alias=latest")
    assert status == 404 and "Latest version not found for model taken." in said["message"], said


def main():
    models()
    run_id, logged = run_with_model()
    versions(run_id, logged)
    aliases()
    stages()
    loading(run_id, logged)
    searches()
    renaming_and_deleting()
    print("the registry is as MLflow has it")


main()
