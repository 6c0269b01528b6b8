"""A client of MLflow and a model under a contract: `mlflow_governed.py URL register|promote FILE`.

`register` logs models, registers them under `price`, and writes into FILE which version is good, rows, and what MLflow answers to them.
`promote` names the version, once it is approved. Ends with 0 when each is answered as the contract asks.
"""

import json
import sys

import mlflow
import numpy as np
import onnx
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LinearRegression

URL, ACT, FILE = sys.argv[1:]
NAME = "price"
mlflow.set_tracking_uri(URL)
client = MlflowClient()
ROWS = np.array([[0.5, 1.0, 2.0, 0.0], [1.5, 0.0, 1.0, 3.0], [0.0, 0.0, 0.0, 0.0]], dtype="float32")


def refused(code, texts, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except MlflowException as error:
        assert error.error_code == code and all(text in str(error) for text in texts), (error.error_code, str(error))
        return
    raise AssertionError(f"{call.__name__} {args} was not refused")


def linear(weights, bias):
    """An ONNX model of one product."""
    tensors = [
        numpy_helper.from_array(np.array(weights, dtype="float32").reshape(4, 1), "weights"),
        numpy_helper.from_array(np.array([bias], dtype="float32"), "bias"),
    ]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weights"], ["product"]), helper.make_node("Add", ["product", "bias"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def answers(uri, rows):
    found = mlflow.pyfunc.load_model(uri).predict(rows)
    values = found["y"] if "y" in found else found["score"]
    return [float(value) for value in np.asarray(values).ravel()]


def table():
    return pd.DataFrame({f"x_{column}": ROWS[:, column].astype("float64") for column in range(4)})


def register():
    with mlflow.start_run():
        good = mlflow.onnx.log_model(linear([2.0, -1.0, 0.5, 0.0], 1.0), name="good")
        bad = mlflow.onnx.log_model(linear([0.0, 0.0, 0.0, 0.0], 0.0), name="bad")
        other = mlflow.sklearn.log_model(LinearRegression().fit(ROWS, [1.0, 2.0, 3.0]), name="other")
    # Only what Kilter can run is a version of a model under a contract.
    texts = ["under a contract", "flavors python_function, sklearn", "ONNX"]
    refused("INVALID_PARAMETER_VALUE", texts, client.create_model_version, NAME, f"models:/{other.model_id}", model_id=other.model_id)
    refused("INVALID_PARAMETER_VALUE", ["s3://bucket/model", "does not read"], client.create_model_version, NAME, "s3://bucket/model")
    version = client.create_model_version(
        NAME, f"models:/{good.model_id}", model_id=good.model_id, tags={"team": "risk", "kilter.state": "approved"}, description="by hand"
    )
    assert (version.source, version.description) == (f"models:/{good.model_id}", "by hand"), version
    assert version.run_id == client.get_logged_model(good.model_id).source_run_id, version
    assert version.tags["team"] == "risk" and version.tags["kilter.state"] == "validated", (version.tags, version.status_message)
    assert len(version.tags["kilter.digest"]) == 64, version.tags
    # The gates of the contract judge what a client brings.
    failed = mlflow.register_model(f"models:/{bad.model_id}", NAME)
    assert failed.tags["kilter.state"] == "rejected", (failed.tags, failed.status_message)
    number = str(version.version)
    # Without a contract any model is taken.
    assert str(mlflow.register_model(f"models:/{other.model_id}", "free").version) == "1"
    assert str(mlflow.register_model(f"models:/{good.model_id}", "free").version) == "2"
    # It is not approved, so nobody says that production may use it.
    for call, args in (
        (client.set_registered_model_alias, (NAME, "champion", number)),
        (client.set_registered_model_alias, (NAME, "Production", number)),
        (client.transition_model_version_stage, (NAME, number, "Production")),
    ):
        refused("PERMISSION_DENIED", ["it must be approved first", "missing: the yes of 1 more validator"], call, *args)
    refused("PERMISSION_DENIED", ["rejected"], client.transition_model_version_stage, NAME, str(failed.version), "Staging")
    refused("PERMISSION_DENIED", ["rejected"], client.set_registered_model_alias, NAME, "newest", str(failed.version))
    refused("PERMISSION_DENIED", ["kilter.state"], client.set_model_version_tag, NAME, number, "kilter.state", "approved")
    refused("PERMISSION_DENIED", ["under the contract"], client.delete_model_version, NAME, number)
    refused("PERMISSION_DENIED", ["under the contract"], client.delete_registered_model, NAME)
    refused("PERMISSION_DENIED", ["under the contract"], client.rename_registered_model, NAME, "cost")
    # Names that promise nothing move as in MLflow.
    client.set_registered_model_alias(NAME, "newest", number)
    assert client.transition_model_version_stage(NAME, number, "Staging").current_stage == "Staging"
    client.set_model_version_tag(NAME, number, "seen", "yes")
    assert str(client.get_model_version_by_alias(NAME, "newest").version) == number
    of_mlflow = answers(f"models:/{good.model_id}", ROWS)
    of_package = answers(f"models:/{NAME}/{number}", table())
    assert np.allclose(of_mlflow, of_package, rtol=1e-5), (of_mlflow, of_package)
    with open(FILE, "w") as out:
        json.dump({"version": int(number), "rows": ROWS.tolist(), "answers": of_mlflow}, out)


def promote():
    with open(FILE) as read:
        known = json.load(read)
    number = str(known["version"])
    version = client.get_model_version(NAME, number)
    assert version.tags["kilter.state"] == "approved", version.tags
    client.set_registered_model_alias(NAME, "champion", number)
    moved = client.transition_model_version_stage(NAME, number, "Production", archive_existing_versions=True)
    assert moved.current_stage == "Production" and sorted(moved.aliases) == ["champion", "newest"], moved
    for uri in (f"models:/{NAME}@champion", f"models:/{NAME}/Production"):
        assert np.allclose(answers(uri, table()), known["answers"], rtol=1e-5), uri
    client.delete_registered_model_alias(NAME, "newest")
    assert client.get_registered_model(NAME).aliases.keys() == {"champion"}
    found = client.search_model_versions(f"name = '{NAME}' AND tags.`kilter.state` = 'approved'", order_by=["version_number DESC"])
    assert str(found[0].version) == number, found


{"register": register, "promote": promote}[ACT]()
print("the contract holds")
