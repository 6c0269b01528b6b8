"""The client of MLflow's scoring server against a server: `mlflow_scoring.py URL ENDPOINT`. Ends with 0 when it works unchanged."""

import sys

import numpy as np
import pandas as pd
import requests
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

URL, ENDPOINT = sys.argv[1], sys.argv[2]
host, port = URL.removeprefix("http://").split(":")
client = ScoringServerClient(host, port)
FRAME = pd.DataFrame(
    {"age": [25.0, 78.0], "visits": [18, 1], "region": ["north", "ü, \"new\""], "member": [True, False], "unknown": [1, 2]}
)


def post(path, **body):
    return requests.post(f"{URL}{path}", **body)


client.wait_server_ready(timeout=10)
assert client.get_version()
expected = client.invoke(FRAME)["predictions"]
assert client.invoke(FRAME).get_predictions()[0].tolist() == expected
records = FRAME.to_dict(orient="records")
for path in ("/invocations", f"/invocations?endpoint={ENDPOINT}", f"/endpoints/{ENDPOINT}/invocations"):
    for body in (
        {"json": {"dataframe_split": FRAME.to_dict(orient="split")}},
        {"json": {"dataframe_records": records}},
        {"json": {"instances": records}},
        {"json": {"inputs": FRAME.to_dict(orient="list")}},
        {"data": FRAME.to_csv(index=False).encode(), "headers": {"content-type": "text/csv"}},
    ):
        answer = post(path, **body)
        assert answer.status_code == 200, (path, body, answer.text)
        assert answer.json()["predictions"] == expected, (path, body, answer.text)
# A missing number, as pandas and MLflow's client write it: a bare NaN.
missing = FRAME.assign(age=[np.nan, 78.0])
assert len(client.invoke(missing).get_predictions()) == 2
probabilities = client.invoke(FRAME, params={"predict_method": "predict_proba"})["predictions"]
assert np.shape(probabilities) == (2, 2) and np.allclose(np.sum(probabilities, axis=1), 1), probabilities
for path, status, code, body in (
    ("/invocations", 400, "BAD_REQUEST", {"json": {}}),
    ("/invocations", 400, "BAD_REQUEST", {"json": {"instances": [{"age": "old"}]}}),
    ("/invocations", 400, "BAD_REQUEST", {"data": b"age\n1\n2,3\n", "headers": {"content-type": "text/csv"}}),
    ("/invocations?endpoint=nobody", 404, "RESOURCE_DOES_NOT_EXIST", {"json": {"instances": records}}),
    ("/endpoints/nobody/invocations", 404, "RESOURCE_DOES_NOT_EXIST", {"json": {"instances": records}}),
    ("/endpoints/nobody/other", 404, "RESOURCE_DOES_NOT_EXIST", {"json": {}}),
):
    answer = post(path, **body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code), (path, body, answer.text)
assert post("/invocations", data=b"x", headers={"content-type": "text/plain"}).status_code == 415
assert requests.get(f"{URL}/ping").status_code == 200 and requests.get(f"{URL}/endpoints/{ENDPOINT}/ping").status_code == 200
assert requests.get(f"{URL}/endpoints/nobody/ping").status_code == 404
print("MLflow's client scores unchanged")
