"""Trains small models with the real libraries, writes them as ONNX, and writes what the libraries themselves answer.

usage: python make.py FOLDER [NAME…]

Each model becomes FOLDER/NAME.onnx and FOLDER/NAME.json: the rows (one list a column), what `predict` and `predict_proba`
(or `decision_function`) say of them, and the tolerance. FOLDER/index.json lists the models in the order of the page. A
number that JSON does not have is written as a text: "nan", "inf", "-inf".

`crates/inference/tests/models_that_run.rs` runs this, compares, and writes the table of `docs/reference/models-that-run.md`.
Answers are compared with Python's, not with those of another ONNX runtime.
"""

import json
import os
import sys
import time
import warnings
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
warnings.filterwarnings("ignore")

import numpy as np

import estimators
import export

FOLDER = Path(sys.argv[1])
WANTED = set(sys.argv[2:])


def number(value):
    value = float(value)
    return value if np.isfinite(value) else str(value)


def cell(value):
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    return number(value)


def column(name, values):
    is_text = any(isinstance(value, str) for value in values)
    kind = "text" if is_text else "integer" if all(isinstance(value, int) for value in values) else "number"
    return {"name": name, "type": kind, "values": [cell(value) for value in values]}


def write(entry):
    answer = entry.answer()
    document = {
        "name": entry.name,
        "library": entry.library,
        "model": entry.title,
        "options": entry.note,
        "tolerance": entry.tolerance,
        "columns": [column(name, values) for name, values in entry.columns()],
        "labels": None if answer.labels is None else [str(label) for label in answer.labels],
        "classes": None if answer.classes is None else [str(label) for label in answer.classes],
        "numbers": [[number(value) for value in row] for row in answer.numbers],
    }
    (FOLDER / f"{entry.name}.onnx").write_bytes(entry.onnx())
    (FOLDER / f"{entry.name}.json").write_text(json.dumps(document))


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    made, failed = [], []
    for entry in estimators.all_entries():
        if WANTED and entry.name not in WANTED:
            continue
        started = time.process_time()
        try:
            write(entry)
            made.append(entry.name)
        except Exception as error:  # noqa: BLE001: what does not convert is a line of the report, and fails the test
            failed.append({"name": entry.name, "error": f"{type(error).__name__}: {error}"[:400]})
        if os.environ.get("VERBOSE"):
            print(entry.name, round(time.process_time() - started, 2), failed[-1]["error"] if failed and failed[-1]["name"] == entry.name else "", file=sys.stderr)
    (FOLDER / "index.json").write_text(json.dumps({"models": made, "failed": failed}))


main()
