"""The real MLflow client reads a run that the platform executed: `mlflow_platform_run.py URL RUN`."""

import sys
import tempfile
from pathlib import Path

import mlflow
from mlflow import MlflowClient

URL, RUN = sys.argv[1:]
mlflow.set_tracking_uri(URL)
client = MlflowClient()


def files(folder=None):
    """All files below a folder of the run, with their sizes."""
    found = {}
    for entry in client.list_artifacts(RUN, folder):
        found.update(files(entry.path) if entry.is_dir else {entry.path: entry.file_size})
    return found


run = client.get_run(RUN)
assert run.info.status == "FINISHED", run.info
assert run.data.params == {"train.rounds": "20"}, run.data.params
assert run.data.metrics == {"auc": 0.75, "loss": 0.5}, run.data.metrics
assert [point.value for point in client.get_metric_history(RUN, "auc")] == [0.75]
found = files()
assert set(found) == {
    "split/log.txt",
    "split/parts/test.txt",
    "split/parts/train.txt",
    "train/log.txt",
    "train/model",
    "train/report",
}, found
with tempfile.TemporaryDirectory() as folder:
    whole = Path(client.download_artifacts(RUN, "", folder))
    assert {path: (whole / path).stat().st_size for path in found} == found
    assert (whole / "train/log.txt").read_text() == "ROUNDS 20\na warning\n"
    assert (whole / "split/log.txt").read_text() == ""
    one = Path(client.download_artifacts(RUN, "split/parts/test.txt", folder))
    assert one.read_text() == "1\n2\n3\n4\n5\n"
print("as MLflow has it")
