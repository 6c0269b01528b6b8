"""Asks other tools whether they accept a package: check_package.py FOLDER PUBLIC_KEY.

OpenSSF Model Signing verifies it, MLflow loads it and answers its golden requests, CycloneDX and SLSA read its documents.
"""

import json
import subprocess
import sys
from pathlib import Path

folder, key = Path(sys.argv[1]), sys.argv[2]

signing = [sys.executable, "-m", "model_signing", "verify", "key", str(folder)]
signed = subprocess.run(
    [*signing, "--public_key", key, "--signature", str(folder / "model.sig")], capture_output=True, text=True
)
if signed.returncode != 0:
    sys.exit(f"model_signing: {signed.stdout}{signed.stderr}")
print("model_signing: ok")

import mlflow
import numpy as np
import pandas as pd

requests = [json.loads(line) for line in (folder / "sample/requests.jsonl").read_text().splitlines()]
expected = [json.loads(line) for line in (folder / "sample/expected.jsonl").read_text().splitlines()]
model = mlflow.pyfunc.load_model(str(folder))
types = {"double": "float64", "long": "int64", "boolean": "bool", "string": "str"}
rows = pd.DataFrame(requests)
for column in model.metadata.signature.inputs.to_dict():
    if column["name"] in rows:
        rows[column["name"]] = rows[column["name"]].astype(types[column["type"]])
answers = model.predict(rows)
scores = np.array([row["score"] for row in expected], dtype=float)
assert np.allclose(answers["score"], scores, rtol=0, atol=1e-6), (answers, scores)
if "label" in expected[0]:
    assert list(answers["label"]) == [row["label"] for row in expected], answers
assert mlflow.onnx.load_model(str(folder)).graph.input, "the flavor onnx"
print("mlflow: ok")

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str((folder / "sbom.cdx.json").read_text())
if problem is not None:
    sys.exit(f"cyclonedx: {problem}")
print("cyclonedx: ok")

from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

text = (folder / "evidence/provenance.intoto.json").read_text()
statement = json_format.Parse(text, statement_pb2.Statement())
checked = Statement([], "", {})
checked.pb = statement
checked.validate()
assert statement.predicate_type == "https://slsa.dev/provenance/v1"
provenance = json_format.ParseDict(json.loads(text)["predicate"], provenance_pb2.Provenance())
assert provenance.build_definition.resolved_dependencies and provenance.run_details.builder.id
print("slsa: ok")
