"""The real client with a name and a password, or a token, against a server with accounts: `mlflow_accounts.py URL EXPECTED`.

What it may do is in the environment: MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD, MLFLOW_TRACKING_TOKEN.
"""

import sys

import mlflow
from mlflow.exceptions import MlflowException

url, expected = sys.argv[1:]
mlflow.set_tracking_uri(url)
try:
    with mlflow.start_run() as run:
        mlflow.log_params({"a": 1})
        mlflow.log_text("some text", "note.txt")
    client = mlflow.MlflowClient()
    assert client.get_run(run.info.run_id).data.params == {"a": "1"}
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/note.txt") == "some text"
    said = "let in"
except MlflowException as error:
    said = error.error_code
assert said == expected, said
print("as expected")
