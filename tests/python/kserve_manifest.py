"""Reads resources of KServe as its own client does, strictly: a field that its models do not know, or of another type, is an error.

Usage: kserve_manifest.py FILE, the YAML of `kilter export kserve`. Prints the resources as JSON.
"""

import json
import re
import sys

import kubernetes.client
import yaml
from kserve import models

KINDS = {"InferenceService": models.V1beta1InferenceService, "ServingRuntime": models.V1alpha1ServingRuntime}
PLAIN = {"str": str, "int": int, "bool": bool, "float": float}


def check(kind, value, place):
    if kind == "object":  # a quantity, or a port by number or name
        assert isinstance(value, (str, int)), f"{place}: {value!r}"
        return
    if kind in PLAIN:
        assert type(value) is PLAIN[kind], f"{place}: {value!r} is no {kind}"
        return
    if found := re.fullmatch(r"(?:List|list)\[(.*)\]", kind):
        assert isinstance(value, list), f"{place}: {value!r} is no list"
        for at, item in enumerate(value):
            check(found[1], item, f"{place}[{at}]")
        return
    if found := re.fullmatch(r"dict\(str, (.*)\)|Dict\[str, (.*)\]", kind):
        for name, item in value.items():
            assert isinstance(name, str), f"{place}: {name!r}"
            check(found[1] or found[2], item, f"{place}.{name}")
        return
    model = getattr(models, kind, None) or getattr(kubernetes.client, kind)
    names = {json_name: name for name, json_name in model.attribute_map.items()}
    for json_name, item in value.items():
        assert json_name in names, f"{place}: {kind} has no field {json_name!r}"
        check(model.openapi_types[names[json_name]], item, f"{place}.{json_name}")


documents = list(yaml.safe_load_all(open(sys.argv[1], encoding="utf-8")))
for document in documents:
    kind = document["kind"]
    check(KINDS[kind].__name__, document, kind)
print(json.dumps(documents))
