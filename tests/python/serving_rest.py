"""The real HTTP clients of Triton and KServe against a server: `serving_rest.py URL MODEL`. The model takes the numbers `age` and
`visits`, the text `region` and the truth value `member`. Ends with 0 when all is as these clients expect it."""

import asyncio
import json
import sys

import httpx
import ml_dtypes
import numpy as np
import tritonclient.http as triton
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from tritonclient.utils import InferenceServerException

ADDRESS, MODEL = sys.argv[1].removeprefix("http://"), sys.argv[2]
URL = f"http://{ADDRESS}"
client = triton.InferenceServerClient(ADDRESS, concurrency=4)
COLUMNS = {"age": ("FP64", [25.0, 78.0]), "visits": ("FP64", [18.0, 1.0])}
NUMPY = {
    "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "UINT8": np.uint8, "UINT16": np.uint16,
    "UINT32": np.uint32, "UINT64": np.uint64, "FP16": np.float16, "FP32": np.float32, "FP64": np.float64,
    "BF16": ml_dtypes.bfloat16,
}


def tensor(name, datatype, values, binary=True, shape=None):
    made = triton.InferInput(name, shape or [len(values)], datatype)
    made.set_data_from_numpy(np.array(values).reshape(shape or [len(values)]), binary_data=binary)
    return made


def texts(values):
    return np.array([value.encode() for value in values], dtype=np.object_)


def rows(binary=True, **other):
    """The inputs of two rows; `other` are some of them made differently."""
    made = {name: tensor(name, datatype, np.array(values), binary) for name, (datatype, values) in COLUMNS.items()}
    made["region"] = tensor("region", "BYTES", texts(["north", "a new one: ü"]), binary)
    made["member"] = tensor("member", "BOOL", np.array([True, False]), binary)
    return list((made | other).values())


def scores(result):
    return result.as_numpy("score")


def refused(status, words, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except InferenceServerException as error:
        assert error.status() == str(status), (error.status(), str(error))
        assert all(word in str(error) for word in words), str(error)
        return
    raise AssertionError(f"{call.__name__}{args}{kwargs} was not refused")


def metadata():
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(MODEL)
    assert client.is_model_ready(MODEL, "1") and not client.is_model_ready(MODEL, "9") and not client.is_model_ready("nobody")
    server = client.get_server_metadata()
    assert server["name"] == "kilter", server
    assert set(server["extensions"]) == {"binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics"}, server
    model = client.get_model_metadata(MODEL)
    assert (model["name"], model["versions"]) == (MODEL, ["1"]), model
    assert {one["name"] for one in model["inputs"]} == {"age", "visits", "region", "member"}, model
    assert client.get_model_metadata(MODEL, "1") == model
    config = client.get_model_config(MODEL)
    assert config["max_batch_size"] == 100_000 and client.get_model_config(MODEL, "1") == config, config
    assert {"name": "region", "data_type": "TYPE_STRING", "dims": [1], "optional": False} in config["input"], config
    assert {"name": "probabilities", "data_type": "TYPE_FP32", "dims": [2], "optional": False} in config["output"], config
    refused(404, ["9"], client.get_model_config, MODEL, "9")
    refused(404, ["9"], client.get_model_metadata, MODEL, "9")
    refused(404, ["nobody"], client.get_model_metadata, "nobody")


def both_ways():
    """Binary and JSON, in and out, in the clients' default settings and each by itself: the same answers."""
    reference = scores(client.infer(MODEL, rows()))
    assert reference.dtype == np.float64 and reference.shape == (2,) and (reference[0] < reference[1]), reference
    for binary_in in (True, False):
        for binary_out in (True, False):
            outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in ("score", "label", "probabilities", "__id")]
            result = client.infer(MODEL, rows(binary_in), outputs=outputs, request_id="r-1")
            assert (scores(result) == reference).all()
            assert result.get_response()["id"] == "r-1" and result.get_response()["model_version"] == "1"
            label, probabilities, ids = (result.as_numpy(name) for name in ("label", "probabilities", "__id"))
            assert probabilities.shape == (2, 2) and probabilities.dtype == np.float32
            assert np.allclose(probabilities[:, 1], reference, atol=1e-6)
            assert [text if isinstance(text, str) else text.decode() for text in label] and len(set(ids.tolist())) == 2
            assert [one["name"] for one in result.get_response()["outputs"]] == ["score", "label", "probabilities", "__id"]
    mixed = [triton.InferRequestedOutput("score"), triton.InferRequestedOutput("label", binary_data=False)]
    result = client.infer(MODEL, rows(), outputs=mixed)
    assert (scores(result) == reference).all() and "data" in result.get_output("label") and "data" not in result.get_output("score")
    best = client.infer(MODEL, rows(), outputs=[triton.InferRequestedOutput("probabilities", class_count=1)])
    value, index, name = best.as_numpy("probabilities")[1, 0].decode().split(":")
    assert index in "01" and name and float(value) >= 0.5, (value, index, name)
    block = client.infer(MODEL, [tensor("x", "FP32", np.array([[25, 18, 1], [78, 1, 0]], dtype=np.float32), shape=[2, 3]), rows()[2]])
    assert np.allclose(scores(block), reference, atol=1e-6)
    client.infer(MODEL, rows(), model_version="1")
    refused(404, ["9", MODEL], client.infer, MODEL, rows(), model_version="9")
    refused(404, ["nobody"], client.infer, "nobody", rows())


def datatypes():
    expected = scores(client.infer(MODEL, rows()))
    for datatype, of in NUMPY.items():
        for binary in (True, False):
            if datatype == "BF16" and not binary:
                continue
            age = tensor("age", datatype, np.array([25, 78], dtype=of), binary)
            visits = tensor("visits", datatype, np.array([18, 1], dtype=of), binary)
            assert (scores(client.infer(MODEL, rows(age=age, visits=visits))) == expected).all(), (datatype, binary)
    for number in (-(2**63), 2**63 - 1, 2**53 + 1):
        for binary in (True, False):
            client.infer(MODEL, rows(age=tensor("age", "INT64", np.array([number, 1], dtype=np.int64), binary)))
    for binary in (True, False):
        largest = tensor("age", "UINT64", np.array([2**63 - 1, 1], dtype=np.uint64), binary)
        client.infer(MODEL, rows(age=largest))
        too_large = tensor("age", "UINT64", np.array([2**64 - 1, 1], dtype=np.uint64), binary)
        refused(400, ["`age`", "18446744073709551615"], client.infer, MODEL, rows(age=too_large))
    # What is no number is missing, in binary data as in JSON.
    for missing in (tensor("age", "FP64", np.array([np.nan, 78.0])), tensor("age", "FP32", np.array([np.nan, 78.0], dtype=np.float32))):
        assert np.isfinite(scores(client.infer(MODEL, rows(age=missing)))).all()


def mistakes():
    refused(400, ["`years`", "`age`"], client.infer, MODEL, rows(years=tensor("years", "FP64", np.array([1.0, 2.0]))))
    refused(400, ["`region`", "FP32"], client.infer, MODEL, rows(region=tensor("region", "FP32", np.array([1, 2], dtype=np.float32))))
    refused(400, ["`age`", "BYTES"], client.infer, MODEL, rows(age=tensor("age", "BYTES", texts(["a", "b"]))))
    refused(400, ["`visits`", "2 rows"], client.infer, MODEL, rows(age=tensor("age", "FP64", np.array([1.0, 2.0, 3.0]))))
    refused(400, ["`age`", "2 columns"], client.infer, MODEL, rows(age=tensor("age", "FP64", np.ones((2, 2)), shape=[2, 2])))
    refused(400, ["shape"], client.infer, MODEL, rows(age=tensor("age", "FP64", np.ones((2, 1, 1)), shape=[2, 1, 1])))
    refused(400, ["lacks", "`visits`"], client.infer, MODEL, [one for one in rows() if one.name() != "visits"])
    refused(400, ["`scores`", "`score`"], client.infer, MODEL, rows(), outputs=[triton.InferRequestedOutput("scores")])
    refused(400, ["classification"], client.infer, MODEL, rows(), outputs=[triton.InferRequestedOutput("label", class_count=1)])
    shared = triton.InferInput("age", [2], "FP64")
    shared.set_shared_memory("region", 16)
    refused(400, ["`age`", "shared memory"], client.infer, MODEL, rows(age=shared))
    for name, value in (("INT8", 300), ("INT32", 1.5), ("UINT8", -1), ("INT64", 2**63), ("INT64", "1")):
        body = {"inputs": [{"name": "age", "shape": [1], "datatype": name, "data": [value]}]}
        answer = httpx.post(f"{URL}/v2/models/{MODEL}/infer", json=body)
        assert answer.status_code == 400 and "`age`" in answer.json()["error"], answer.text
    for missing in ("v2/systemsharedmemory/status", "v2/trace/setting", "v2/models/x/y/z", "v2/"):
        answer = httpx.get(f"{URL}/{missing}")
        assert answer.status_code == 404 and answer.json()["error"], (missing, answer.text)
    for method, path in (("PUT", f"v2/models/{MODEL}/infer"), ("GET", f"v2/models/{MODEL}/infer"), ("DELETE", "v2/health/live")):
        answer = httpx.request(method, f"{URL}/{path}")
        assert answer.status_code == 405 and answer.json()["error"], (method, path, answer.text)


def compression():
    count = 500
    many = [
        tensor("age", "FP64", np.arange(count) % 60 + 20.0),
        tensor("visits", "FP64", np.arange(count) % 20 + 0.0),
        tensor("region", "BYTES", texts(["north"] * count)),
        tensor("member", "BOOL", np.arange(count) % 2 == 0),
    ]
    expected = scores(client.infer(MODEL, many))
    for sent in (None, "gzip", "deflate"):
        for wanted in (None, "gzip", "deflate"):
            result = client.infer(
                MODEL, many, request_compression_algorithm=sent, response_compression_algorithm=wanted
            )
            assert (scores(result) == expected).all(), (sent, wanted)
    answer = httpx.post(f"{URL}/v2/models/{MODEL}/infer", content=b"{}", headers={"content-encoding": "br"})
    assert answer.status_code == 415 and "br" in answer.json()["error"], answer.text


def in_parallel():
    asked = [client.async_infer(MODEL, rows(), request_id=f"p{at}") for at in range(40)]
    answers = [one.get_result() for one in asked]
    assert {one.get_response()["id"] for one in answers} == {f"p{at}" for at in range(40)}


def statistics():
    def now():
        (found,) = client.get_inference_statistics(MODEL, "1")["model_stats"]
        return found

    before = now()
    client.infer(MODEL, rows())
    refused(400, ["`years`"], client.infer, MODEL, rows(years=tensor("years", "FP64", np.array([1.0, 2.0]))))
    after = now()
    assert after["inference_count"] == before["inference_count"] + 2, (before, after)
    assert after["execution_count"] == before["execution_count"] + 1, (before, after)
    success, scored = (after["inference_stats"][name] for name in ("success", "compute_infer"))
    assert success["count"] == before["inference_stats"]["success"]["count"] + 1 and success["ns"] > 0 and success == scored
    assert after["last_inference"] >= before["last_inference"] > 1_600_000_000_000, after
    assert client.get_inference_statistics()["model_stats"] == client.get_inference_statistics(MODEL)["model_stats"]
    refused(404, ["9"], client.get_inference_statistics, MODEL, "9")
    refused(404, ["nobody"], client.get_inference_statistics, "nobody")


def repository():
    index = client.get_model_repository_index()
    assert index == [{"name": MODEL, "version": "1", "state": "READY", "reason": ""}], index
    for body in ({}, {"json": {"ready": True}}, {"content": b"  "}):
        assert httpx.post(f"{URL}/v2/repository/index", **body).json() == index
    client.load_model(MODEL)
    assert client.is_model_ready(MODEL)
    refused(400, ["config", "kilter deploy"], client.load_model, MODEL, config="{}")
    refused(404, ["nobody"], client.load_model, "nobody")
    refused(409, ["kilter rollback"], client.unload_model, MODEL)
    refused(404, ["nobody"], client.unload_model, "nobody")
    assert client.is_model_ready(MODEL)


def explained(score, parts, base):
    """Attributions and their base are the log-odds of the score."""
    return np.allclose(1 / (1 + np.exp(-(base + parts.sum(axis=-1)))), score, atol=1e-6)


def explanations():
    for binary in (True, False):
        outputs = None if binary else [triton.InferRequestedOutput(name, binary_data=False) for name in ("score", "attributions", "attribution_base", "attribution_columns")]
        answer = client.infer(MODEL, rows(), outputs=outputs, parameters={"explain": True})
        parts, base = answer.as_numpy("attributions"), answer.as_numpy("attribution_base")
        columns = [name.decode() if binary else name for name in answer.as_numpy("attribution_columns")]
        assert parts.shape == (2, 4) and sorted(columns) == ["age", "member", "region", "visits"], (parts, columns)
        assert explained(scores(answer), parts, base), answer.get_response()
        assert (scores(answer) == scores(client.infer(MODEL, rows()))).all()
    assert client.infer(MODEL, rows()).as_numpy("attributions") is None
    refused(400, ["explain", "true or false"], client.infer, MODEL, rows(), parameters={"explain": "yes"})


async def kserve_v2():
    kserve = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await kserve.is_server_ready(URL) and await kserve.is_server_live(URL) and await kserve.is_model_ready(URL, MODEL)
    assert not await kserve.is_model_ready(URL, "nobody")
    expected = scores(client.infer(MODEL, rows()))
    for binary in (True, False):
        inputs = []
        for name, datatype, values in (
            ("age", "FP64", np.array([25.0, 78.0])), ("visits", "INT64", np.array([18, 1])),
            ("region", "BYTES", texts(["north", "a new one: ü"])), ("member", "BOOL", np.array([True, False])),
        ):
            made = InferInput(name, [2], datatype)
            made.set_data_from_numpy(values, binary_data=binary)
            inputs.append(made)
        parameters = {"binary_data_output": True} if binary else None
        answer = await kserve.infer(URL, InferRequest(MODEL, inputs, request_id="k-1", parameters=parameters), model_name=MODEL)
        (score,) = [one for one in answer.outputs if one.name == "score"]
        assert (score.as_numpy() == expected).all() and answer.id == "k-1" and answer.model_name == MODEL, answer
    try:
        await kserve.infer(URL, {"inputs": []}, model_name=MODEL)
        raise AssertionError("no inputs were accepted")
    except httpx.HTTPStatusError as error:
        assert error.response.status_code == 400 and "inputs" in str(error), error
    await kserve.close()


async def kserve_v1():
    kserve = InferenceRESTClient(RESTConfig(protocol="v1"))
    assert await kserve.is_model_ready(URL, MODEL)
    records = [{"age": 25, "visits": 18, "region": "north", "member": True}, {"age": 78, "visits": 1, "region": "ü", "member": False}]
    lists = [list(record.values()) for record in records]
    answer = await kserve.infer(URL, {"instances": records}, model_name=MODEL)
    labels = client.infer(MODEL, rows()).as_numpy("label")
    assert [str(one) for one in answer["predictions"]] == [text.decode() for text in labels], answer
    assert len(answer["prediction_ids"]) == 2 and answer["model_version"] == "1", answer
    assert httpx.get(f"{URL}/v1/models").json() == {"models": [MODEL]}
    names = [one["name"] for one in client.get_model_metadata(MODEL)["inputs"]]
    by_place = [[record[name] for name in names] for record in records]
    again = await kserve.infer(URL, {"instances": by_place}, model_name=MODEL)
    assert again["predictions"] == answer["predictions"], (again, lists)
    why = await kserve.explain(URL, model_name=MODEL, data={"instances": records})
    assert why["predictions"] == answer["predictions"] and len(why["explanations"]) == 2, why
    score = scores(client.infer(MODEL, rows(region=tensor("region", "BYTES", texts(["north", "ü"])))))
    for row, one in zip(score, why["explanations"]):
        assert sorted(one["attributions"]) == ["age", "member", "region", "visits"], one
        assert explained(row, np.array(list(one["attributions"].values())), one["base"]), one
    assert "explanations" not in answer
    for path, body, status in (
        (f"v1/models/{MODEL}:predict", {"instances": [{"age": "old"}]}, 400), (f"v1/models/{MODEL}:predict", {}, 400),
        ("v1/models/nobody:predict", {"instances": records}, 404), (f"v1/models/{MODEL}:explain", {}, 400),
        ("v1/models/nobody:explain", {"instances": records}, 404), (f"v1/models/{MODEL}:regress", {"instances": records}, 404),
    ):
        said = httpx.post(f"{URL}/{path}", json=body)
        assert said.status_code == status and said.json()["error"], (path, said.text)
    await kserve.close()


CHECKS = (metadata, both_ways, datatypes, mistakes, compression, in_parallel, statistics, repository, explanations)
failed = 0
for check in CHECKS:
    try:
        check()
    except Exception as error:  # noqa: BLE001 - every check is run, and each failure is shown
        failed += 1
        print(f"{check.__name__}: {type(error).__name__}: {error}")
for check in (kserve_v2, kserve_v1):
    try:
        asyncio.run(check())
    except Exception as error:  # noqa: BLE001
        failed += 1
        print(f"{check.__name__}: {type(error).__name__}: {error}")
print(json.dumps({"checks": len(CHECKS) + 2, "failed": failed}))
sys.exit(1 if failed else 0)
