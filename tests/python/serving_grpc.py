"""The real gRPC clients of Triton and KServe, health checks and reflection, against a server with the endpoint `churn`.

    serving_grpc.py tritonclient GRPC_ADDRESS
    serving_grpc.py kserve GRPC_ADDRESS
    serving_grpc.py token GRPC_ADDRESS TOKEN    a server with a token
    serving_grpc.py stop GRPC_ADDRESS           a server that is stopped once `streaming` was printed

The clients run apart: each brings messages of its own for the same protocol, and one process cannot have both. Clients have
their default settings. Prints `as the clients expect` at the end, or fails.
"""

import asyncio
import queue
import sys
import threading
import time

import grpc
import ml_dtypes
import numpy as np

REGIONS = np.array(["north", "a new one"], dtype=object)
AGES, VISITS = [25, 78], [18, 1]
TYPES = {
    "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
    "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
    "FP16": np.float16, "BF16": ml_dtypes.bfloat16, "FP32": np.float32, "FP64": np.float64,
}


def refused(code, words, call):
    """The call fails with the code, and says the words."""
    try:
        call()
    except Exception as error:  # the clients have errors of their own
        shown = f"{error}"
        status = getattr(error, "status", None) or getattr(error, "code", None)
        status = f"{status()}" if callable(status) else f"{status}"
        assert code in status, (code, status, shown)
        for word in words:
            assert word in shown, (word, shown)
        return
    raise AssertionError(f"nothing was refused: {code} {words}")


def inputs(client_module, datatype="FP64", ages=AGES, visits=VISITS, regions=REGIONS):
    """The three inputs of the model, two rows."""
    made = []
    for name, values in (("age", ages), ("visits", visits)):
        tensor = client_module.InferInput(name, [len(values)], datatype)
        tensor.set_data_from_numpy(np.array(values, dtype=TYPES[datatype]))
        made.append(tensor)
    tensor = client_module.InferInput("region", [len(regions)], "BYTES")
    tensor.set_data_from_numpy(regions)
    made.append(tensor)
    return made


def check_metadata(client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("churn") and client.is_model_ready("churn", "1")
    assert client.get_server_metadata().name == "kilter"
    metadata = client.get_model_metadata("churn", as_json=True)
    assert metadata["versions"] == ["1"], metadata
    assert {one["name"] for one in metadata["inputs"]} == {"age", "visits", "region"}, metadata
    assert [one["name"] for one in metadata["outputs"]] == ["score", "label", "probabilities"], metadata
    config = client.get_model_config("churn", as_json=True)["config"]
    assert config["name"] == "churn" and len(config["input"]) == 3, config
    assert {one["data_type"] for one in config["output"]} == {"TYPE_FP64", "TYPE_STRING", "TYPE_FP32"}, config


def check_values(client, triton):
    """Every datatype, raw and typed, gives the answer of FP64."""
    reference = client.infer("churn", inputs(triton), request_id="first")
    scores = reference.as_numpy("score")
    assert scores.dtype == np.float64 and scores.shape == (2,) and scores[0] < scores[1], scores
    assert reference.as_numpy("probabilities").shape == (2, 2)
    assert reference.as_numpy("label").dtype == object
    assert {one.decode() for one in reference.as_numpy("label")} <= {"0", "1"}
    response = reference.get_response()
    assert response.id == "first" and response.model_version == "1" and len(response.raw_output_contents) == 3, response
    for datatype in TYPES:
        answer = client.infer("churn", inputs(triton, datatype))
        assert (answer.as_numpy("score") == scores).all(), datatype
        # The server made the ids, so it answers them.
        assert len(answer.as_numpy("__id")) == 2
    flags = client.infer("churn", bool_inputs(triton)).as_numpy("score")
    assert flags.shape == (2,)
    only = client.infer("churn", inputs(triton), outputs=[triton.InferRequestedOutput("label")])
    assert only.as_numpy("label") is not None and only.as_numpy("score") is None
    block = triton.InferInput("numbers", [2, 2], "FP32")
    block.set_data_from_numpy(np.array([[25, 18], [78, 1]], dtype=np.float32))
    answer = client.infer("churn", [block, inputs(triton)[2]])
    assert (answer.as_numpy("score") == scores).all(), "a block"
    pinned = client.infer("churn", inputs(triton), headers={"kilter-version": "1"})
    response = pinned.get_response()
    assert (pinned.as_numpy("score") == scores).all() and response.parameters["route"].string_param == "pinned", response
    assert "route" not in reference.get_response().parameters
    compressed = client.infer("churn", inputs(triton), compression_algorithm="gzip")
    assert (compressed.as_numpy("score") == scores).all(), "gzip"
    return scores


def bool_inputs(triton):
    made = inputs(triton)
    flags = triton.InferInput("visits", [2], "BOOL")
    flags.set_data_from_numpy(np.array([True, False]))
    return [made[0], flags, made[2]]


def typed_request(pb, contents, datatype, shape=(2,)):
    """A request whose age is sent in a field of its own kind."""
    request = pb.ModelInferRequest(model_name="churn")
    fields = (("age", datatype, contents), ("visits", "FP32", {"fp32_contents": VISITS}),
              ("region", "BYTES", {"bytes_contents": [b"north", b"a new one"]}))
    for name, kind, values in fields:
        tensor = request.inputs.add(name=name, datatype=kind, shape=list(shape))
        for field, value in values.items():
            getattr(tensor.contents, field).extend(value)
    return request


def check_typed(stub, pb, scores):
    fields = {
        "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents", "INT64": "int64_contents",
        "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents", "UINT64": "uint64_contents",
        "FP32": "fp32_contents", "FP64": "fp64_contents",
    }
    for datatype, field in fields.items():
        answer = stub.ModelInfer(typed_request(pb, {field: AGES}, datatype))
        assert not answer.outputs[0].HasField("contents")
        assert (np.frombuffer(answer.raw_output_contents[0], dtype=np.float64) == scores).all(), datatype
    mistakes = [
        ("INT8", {"int_contents": [300, 1]}, ["`age`", "300", "INT8"]),
        ("UINT64", {"uint64_contents": [2**64 - 1, 1]}, ["`age`", "18446744073709551615"]),
        ("FP32", {"fp64_contents": AGES}, ["`age`", "fp64_contents", "fp32_contents"]),
        ("FP16", {"fp32_contents": AGES}, ["`age`", "FP16", "sent as bytes"]),
        ("FP64", {"fp64_contents": [1.0]}, ["`age`", "1 values", "2"]),
        ("FP64", {}, ["`age`", "0 values"]),
        ("FLOAT", {"fp64_contents": AGES}, ["`age`", "FLOAT"]),
    ]
    for datatype, contents, words in mistakes:
        refused("INVALID_ARGUMENT", words, lambda: stub.ModelInfer(typed_request(pb, contents, datatype)))
    refused("INVALID_ARGUMENT", ["`age`", "shape"],
            lambda: stub.ModelInfer(typed_request(pb, {"fp64_contents": AGES}, "FP64", shape=(-2,))))
    refused("INVALID_ARGUMENT", ["`age`", "4611686018427387904"],
            lambda: stub.ModelInfer(typed_request(pb, {"fp64_contents": AGES}, "FP64", shape=(2**62, 2**62))))
    both = typed_request(pb, {"fp64_contents": AGES}, "FP64")
    both.raw_input_contents.extend([b"", b"", b""])
    refused("INVALID_ARGUMENT", ["`age`", "raw_input_contents"], lambda: stub.ModelInfer(both))
    few = typed_request(pb, {}, "FP64")
    few.raw_input_contents.append(b"")
    refused("INVALID_ARGUMENT", ["1 entries", "3 inputs"], lambda: stub.ModelInfer(few))
    cut = pb.ModelInferRequest(model_name="churn")
    cut.inputs.add(name="age", datatype="FP64", shape=[2])
    cut.raw_input_contents.append(b"\x00" * 15)
    refused("INVALID_ARGUMENT", ["`age`", "15 bytes", "16"], lambda: stub.ModelInfer(cut))
    refused("INVALID_ARGUMENT", ["no `inputs`"], lambda: stub.ModelInfer(pb.ModelInferRequest(model_name="churn")))


def check_refusals(client, triton):
    infer = client.infer
    refused("NOT_FOUND", ["nobody"], lambda: infer("nobody", inputs(triton)))
    refused("NOT_FOUND", ["`9`", "1 (live)"], lambda: infer("churn", inputs(triton), model_version="9"))
    refused("NOT_FOUND", ["`9`", "1 (live)"], lambda: infer("churn", inputs(triton), headers={"kilter-version": "9"}))
    refused("INVALID_ARGUMENT", ["Kilter-Version"], lambda: infer("churn", inputs(triton), headers={"kilter-version": "x"}))
    refused("INVALID_ARGUMENT", ["version 1", "for 9"],
            lambda: infer("churn", inputs(triton), model_version="1", headers={"kilter-version": "9"}))
    refused("NOT_FOUND", ["nobody"], lambda: client.get_model_metadata("nobody"))
    refused("INVALID_ARGUMENT", ["`region`"], lambda: infer("churn", inputs(triton)[:2]))
    unknown = triton.InferInput("agee", [2], "FP64")
    unknown.set_data_from_numpy(np.array([1.0, 2.0]))
    refused("INVALID_ARGUMENT", ["did you mean `age`"], lambda: infer("churn", [unknown]))
    refused("INVALID_ARGUMENT", ["no output `nothing`"],
            lambda: infer("churn", inputs(triton), outputs=[triton.InferRequestedOutput("nothing")]))
    shared = triton.InferInput("age", [2], "FP64")
    shared.set_shared_memory("region", 16)
    refused("INVALID_ARGUMENT", ["`age`", "shared memory"], lambda: infer("churn", [shared]))
    refused("UNIMPLEMENTED", [], client.get_system_shared_memory_status)
    rows = 20_001 * 8
    large = [triton.InferInput(name, [rows], "FP64") for name in ("age", "visits")]
    for tensor in large:
        tensor.set_data_from_numpy(np.ones(rows))
    refused("INVALID_ARGUMENT", ["160008 rows"], lambda: infer("churn", large))
    huge = triton.InferInput("age", [9_000_000], "FP64")
    huge.set_data_from_numpy(np.ones(9_000_000))
    refused("RESOURCE_EXHAUSTED", ["at most 67108864"], lambda: infer("churn", [huge]))


def check_large_messages(client, triton):
    """More than the 4 MiB to which gRPC's servers are limited by default."""
    rows = 100_000
    tensors = inputs(triton, ages=[25] * rows, visits=[18] * rows, regions=np.array(["a region with a long name"] * rows, dtype=object))
    answer = client.infer("churn", tensors)
    assert answer.as_numpy("score").shape == (rows,)


def check_deadlines(client, triton):
    rows = 100_000
    tensors = inputs(triton, ages=[25] * rows, visits=[18] * rows, regions=np.array(["north"] * rows, dtype=object))
    refused("DEADLINE_EXCEEDED", [], lambda: client.infer("churn", tensors, client_timeout=0.01))
    assert client.infer("churn", inputs(triton)).as_numpy("score").shape == (2,), "the connection goes on"


def check_streaming(address, triton, scores):
    with triton.InferenceServerClient(address) as client:
        answers = started(client)
        for at in range(50):
            name = "nobody" if at == 20 else "churn"
            tensors = inputs(triton)[:2] if at == 30 else inputs(triton)
            client.async_stream_infer(name, tensors, request_id=f"r{at}")
        for at in range(50):
            result, error = answers.get(timeout=20)
            if at == 20:
                assert "nobody" in f"{error}", error
            elif at == 30:
                assert "`region`" in f"{error}", error
            else:
                assert error is None and result.get_response().id == f"r{at}", (at, error)
                assert (result.as_numpy("score") == scores).all()
        client.stop_stream()
        # A stream that its client gives up ends, and the next one begins.
        answers = started(client)
        client.async_stream_infer("churn", inputs(triton))
        assert answers.get(timeout=20)[1] is None
        client.stop_stream(cancel_requests=True)
        answers = started(client, stream_timeout=1)
        client.async_stream_infer("churn", inputs(triton))
        assert answers.get(timeout=20)[1] is None
        _, error = answers.get(timeout=20)
        assert "eadline" in f"{error}", error
        client.stop_stream()


def started(client, **options):
    """The answers of a stream that begins now."""
    answers = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)), **options)
    return answers


def check_async(client, triton, scores):
    answers = queue.Queue()
    for _ in range(64):
        client.async_infer("churn", inputs(triton), callback=lambda result, error: answers.put((result, error)))
    for _ in range(64):
        result, error = answers.get(timeout=20)
        assert error is None and (result.as_numpy("score") == scores).all()


def check_parameters(client, triton):
    answer = client.infer("churn", inputs(triton), request_id="an-id", parameters={"consumer": "crm", "entity": "e-1"})
    assert answer.as_numpy("__id") is None, "the ids are the client's"
    refused("INVALID_ARGUMENT", ["`consumer`", "300 bytes"],
            lambda: client.infer("churn", inputs(triton), parameters={"consumer": "x" * 300}))
    why = client.infer("churn", inputs(triton), parameters={"explain": True})
    raw = why.as_numpy("attribution_base") + why.as_numpy("attributions").sum(axis=1)
    assert np.allclose(1 / (1 + np.exp(-raw)), why.as_numpy("score"), atol=1e-6), "attributions add up to the log-odds"
    assert len(why.as_numpy("attribution_columns")) == why.as_numpy("attributions").shape[1]
    refused("INVALID_ARGUMENT", ["`explain`", "true or false"],
            lambda: client.infer("churn", inputs(triton), parameters={"explain": 1}))
    refused("INVALID_ARGUMENT", ["`time`", "now"], lambda: client.infer("churn", inputs(triton), parameters={"time": 5}))


def check_statistics(client):
    found = client.get_inference_statistics("churn", as_json=True)["model_stats"]
    assert len(found) == 1 and found[0]["version"] == "1", found
    stats = found[0]
    assert int(stats["inference_count"]) > int(stats["execution_count"]) > 100, stats
    assert int(stats["inference_stats"]["success"]["count"]) == int(stats["execution_count"]), stats
    assert int(stats["inference_stats"]["fail"]["count"]) >= 1, stats
    assert int(stats["inference_stats"]["compute_infer"]["ns"]) > 0, stats
    assert client.get_inference_statistics(as_json=True)["model_stats"] == client.get_inference_statistics("churn", as_json=True)["model_stats"]
    refused("NOT_FOUND", ["nobody"], lambda: client.get_inference_statistics("nobody"))


def check_repository(client):
    index = client.get_model_repository_index(as_json=True)["models"]
    assert [(one["name"], one["state"]) for one in index] == [("churn", "READY")], index
    client.load_model("churn")
    assert client.is_model_ready("churn")
    refused("FAILED_PRECONDITION", ["churn"], lambda: client.unload_model("churn"))
    refused("NOT_FOUND", ["nobody"], lambda: client.load_model("nobody"))
    assert client.is_model_ready("churn")


def check_health(address):
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", "inference.GRPCInferenceService", "churn"):
            assert health.Check(health_pb2.HealthCheckRequest(service=service)).status == health_pb2.HealthCheckResponse.SERVING
        refused("NOT_FOUND", [], lambda: health.Check(health_pb2.HealthCheckRequest(service="nobody")))
        watched = health.Watch(health_pb2.HealthCheckRequest(service="nobody"))
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        watched.cancel()


def check_reflection(address):
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
    from google.protobuf.descriptor_pool import DescriptorPool

    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        services = set(database.get_services())
        assert {"inference.GRPCInferenceService", "grpc.health.v1.Health"} <= services, services
        service = DescriptorPool(database).FindServiceByName("inference.GRPCInferenceService")
        assert "ModelStreamInfer" in service.methods_by_name


def check_raw_bytes(address):
    """Messages that no client would send."""
    plain = dict(request_serializer=lambda bytes_: bytes_, response_deserializer=lambda bytes_: bytes_)
    with grpc.insecure_channel(address) as channel:
        infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer", **plain)
        refused("INVALID_ARGUMENT", ["not of this method"], lambda: infer(b"\xff\xff\xff\xff"))
        refused("INVALID_ARGUMENT", ["more than 100000"], lambda: infer(b"\x2a\x00" * 1_000_000))
        refused("INVALID_ARGUMENT", [], lambda: infer(b"\x2a\x06\x0a\x04" + b"\xff" * 4))
        unknown = channel.unary_unary("/inference.GRPCInferenceService/Nothing", **plain)
        refused("UNIMPLEMENTED", ["Nothing"], lambda: unknown(b""))
        unknown = channel.unary_unary("/other.Service/Nothing", **plain)
        refused("UNIMPLEMENTED", ["/other.Service/Nothing"], lambda: unknown(b""))
    with grpc.insecure_channel(address, options=[("grpc.default_authority", "evil.example")]) as channel:
        infer = channel.unary_unary("/inference.GRPCInferenceService/ServerLive", **plain)
        refused("PERMISSION_DENIED", ["evil.example", "--allowed-host"], lambda: infer(b""))


def check_many_clients(address, triton, scores):
    failures = []

    def ask():
        try:
            with triton.InferenceServerClient(address) as client:
                for _ in range(20):
                    assert (client.infer("churn", inputs(triton)).as_numpy("score") == scores).all()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def with_tritonclient(address):
    import tritonclient.grpc as triton
    from tritonclient.grpc import service_pb2, service_pb2_grpc

    with triton.InferenceServerClient(address) as client:
        check_metadata(client)
        scores = check_values(client, triton)
        with grpc.insecure_channel(address) as channel:
            check_typed(service_pb2_grpc.GRPCInferenceServiceStub(channel), service_pb2, scores)
        check_refusals(client, triton)
        check_large_messages(client, triton)
        check_deadlines(client, triton)
        check_async(client, triton, scores)
        check_parameters(client, triton)
        check_streaming(address, triton, scores)
        check_many_clients(address, triton, scores)
        check_statistics(client)
        check_repository(client)
    check_health(address)
    check_reflection(address)
    check_raw_bytes(address)


async def with_kserve(address):
    from kserve import InferenceGRPCClient, InferInput, InferRequest
    from kserve.protocol.grpc import grpc_predict_v2_pb2, grpc_predict_v2_pb2_grpc

    client = InferenceGRPCClient(address)
    assert await client.is_server_live() and await client.is_server_ready() and await client.is_model_ready("churn")
    answers = []
    for as_numpy in (True, False):
        columns = (("age", "FP64", AGES), ("visits", "INT64", VISITS), ("region", "BYTES", [b"north", b"a new one"]))
        tensors = []
        for name, datatype, values in columns:
            if as_numpy:
                tensor = InferInput(name=name, shape=[2], datatype=datatype)
                dtype = {"FP64": np.float64, "INT64": np.int64}.get(datatype, object)
                tensor.set_data_from_numpy(np.array(values, dtype=dtype), binary_data=True)
            else:
                tensor = InferInput(name=name, shape=[2], datatype=datatype, data=values)
            tensors.append(tensor)
        answer = await client.infer(InferRequest(model_name="churn", infer_inputs=tensors))
        answers.append({output.name: output.as_numpy() for output in answer.outputs})
    assert (answers[0]["score"] == answers[1]["score"]).all() and answers[0]["score"].shape == (2,)
    assert answers[0]["probabilities"].shape == (2, 2)
    await client.close()
    # Its own calls of the repository have the name of the model in another field than Triton's.
    async with grpc.aio.insecure_channel(address) as channel:
        stub = grpc_predict_v2_pb2_grpc.GRPCInferenceServiceStub(channel)
        loaded = await stub.RepositoryModelLoad(grpc_predict_v2_pb2.RepositoryModelLoadRequest(model_name="churn"))
        assert loaded.model_name == "churn" and loaded.isLoaded


def with_token(address, token):
    import tritonclient.grpc as triton
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with triton.InferenceServerClient(address) as client:
        assert client.is_server_live() and client.is_server_ready()
        headers = {"authorization": f"Bearer {token}"}
        assert client.infer("churn", inputs(triton), headers=headers).as_numpy("score").shape == (2,)
        assert client.get_model_metadata("churn", headers=headers).name == "churn"
        for wrong in (None, {"authorization": "Bearer 00000000000000000000000000000000"}):
            refused("UNAUTHENTICATED", ["token"], lambda: client.infer("churn", inputs(triton), headers=wrong))
            refused("UNAUTHENTICATED", ["token"], lambda: client.get_model_metadata("churn", headers=wrong))
            refused("UNAUTHENTICATED", ["token"], lambda: client.get_model_repository_index(headers=wrong))
            refused("UNAUTHENTICATED", ["token"], lambda: client.get_inference_statistics(headers=wrong))
            refused("UNAUTHENTICATED", ["token"], lambda: client.load_model("churn", headers=wrong))
        answers = started(client)
        assert "token" in f"{answers.get(timeout=20)[1]}"
        client.stop_stream()
    with grpc.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        assert health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
        refused("UNAUTHENTICATED", [], lambda: health.Check(health_pb2.HealthCheckRequest(service="churn")))


def with_stop(address):
    import tritonclient.grpc as triton
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with triton.InferenceServerClient(address) as client, grpc.insecure_channel(address) as channel:
        watched = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
        answers = started(client)
        client.async_stream_infer("churn", inputs(triton))
        assert answers.get(timeout=20)[1] is None
        print("streaming", flush=True)
        _, error = answers.get(timeout=20)
        assert "the server stops" in f"{error}", error
        try:
            while True:
                next(watched)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNAVAILABLE, error
            assert dict(error.trailing_metadata())["grpc-retry-pushback-ms"] == "1000", error


if __name__ == "__main__":
    began = time.monotonic()
    which, target, *more = sys.argv[1:]
    if which == "kserve":
        asyncio.run(with_kserve(target))
    else:
        {"tritonclient": with_tritonclient, "token": with_token, "stop": with_stop}[which](target, *more)
    print(f"as the clients expect ({time.monotonic() - began:.1f} s)")
