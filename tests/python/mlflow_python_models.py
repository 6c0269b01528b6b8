"""A client of MLflow registers models whose code is Python under a contract: `mlflow_python_models.py URL FILE`.

Writes into FILE which versions they are, rows, and what Python answers to them. The custom model does what models do wrong, by the number in
`x_3`: 777 raises a ValueError, 778 a KeyError, 779 ends its process, 780 sleeps for a minute, 781 sleeps for a moment.
"""

import json
import sys
import warnings

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct, WhiteKernel

warnings.filterwarnings("ignore")
URL, FILE, *MODE = sys.argv[1:]
NAME = "price"
COLUMNS = [f"x_{column}" for column in range(4)]
ROWS = pd.DataFrame([[0.5, 1.0, 2.0, 0.0], [1.5, 0.0, 1.0, 3.0], [0.0, 0.0, 0.0, 0.0]], columns=COLUMNS)


class Price(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        import os
        import sys
        import time

        act = model_input["x_3"].to_numpy()
        if (act == 777).any():
            raise ValueError("777 is no price")
        if (act == 778).any():
            raise KeyError("prices of yesterday")
        if (act == 779).any():
            print("the last words of the model", file=sys.stderr, flush=True)
            os._exit(3)
        if (act == 780).any():
            time.sleep(60)
        if (act == 781).any():
            time.sleep(0.2)
        return (2 * model_input["x_0"] - model_input["x_1"] + model_input["x_2"] / 2 + 1).to_numpy()


mlflow.set_tracking_uri(URL)
client = MlflowClient()
custom_answers = Price().predict(None, ROWS)
rng = np.random.default_rng(7)
known = pd.DataFrame(rng.uniform(0, 4, size=(60, 4)), columns=COLUMNS)
target = 2 * known["x_0"] - known["x_1"] + known["x_2"] / 2 + 1
process = GaussianProcessRegressor(DotProduct() + WhiteKernel(), random_state=1).fit(known, target)
with mlflow.start_run():
    custom = mlflow.pyfunc.log_model(
        name="custom", python_model=Price(), signature=infer_signature(ROWS, custom_answers), pip_requirements=["mlflow"]
    )
    gaussian = mlflow.sklearn.log_model(
        process, name="gaussian", signature=infer_signature(ROWS, process.predict(ROWS)), pip_requirements=["scikit-learn"], serialization_format="cloudpickle"
    )
if MODE == ["refused"]:
    for model in (custom, gaussian):
        try:
            client.create_model_version(NAME, f"models:/{model.model_id}", model_id=model.model_id)
        except MlflowException as error:
            assert error.error_code == "INVALID_PARAMETER_VALUE" and "kilter server --python PATH" in str(error), error
        else:
            raise AssertionError("a model of Python was taken where no Python may run")
    print("refused as it should be")
    sys.exit()
versions = []
for model in (custom, gaussian):
    version = client.create_model_version(NAME, f"models:/{model.model_id}", model_id=model.model_id)
    assert version.tags["kilter.state"] == "validated", (version.tags, version.status_message)
    versions.append(int(version.version))
answers = [mlflow.pyfunc.load_model(f"models:/{model.model_id}").predict(ROWS).tolist() for model in (custom, gaussian)]
with open(FILE, "w") as out:
    json.dump({"versions": versions, "rows": ROWS.to_numpy().tolist(), "answers": answers}, out)
print("registered")
