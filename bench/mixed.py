"""Mixed load over a long time: does memory stay flat, do the slow answers stay where they were, does any request fail?

usage: python mixed.py KILTER FOLDER [--minutes N] [--python PYTHON]   (see mixed.sh)

`kilter server` (durable records) has the model of `serving.py` in two versions, which replace each other every minute. Clients, each a process
with its own pace, ask over every protocol: small and large requests, binary tensors, packed bodies, explanations, labels, connections for
one request, bodies that are wrong, gRPC. With --python a second program, `kilter serve`, has a model of Python's in worker processes.

Each minute: answers, failures, the slowest hundredth of each kind, resident memory, records in the log. A wrong body must get a 4xx, all
others a 200. At the end the first and the last third are compared."""
import argparse, gzip, http.client, json, multiprocessing, os, random, re, signal, statistics, struct, subprocess, sys, time
from pathlib import Path

import serving
from serving import ENDPOINT, FEATURES, Server, free_port, row

NAMES = [f"f{at:02}" for at in range(FEATURES)]
PATH = f"/v2/models/{ENDPOINT}/infer"
JSON = {"Content-Type": "application/json"}


def tensor(rows, seed):
    return [value for at in range(rows) for value in row(seed * 1_000 + at)]


def v2(rows, seed, **more):
    inputs = [{"name": "x", "shape": [rows, FEATURES], "datatype": "FP32", "data": tensor(rows, seed)}]
    return PATH, json.dumps({"inputs": inputs, **more}).encode(), JSON


def binary(seed):
    values = struct.pack(f"<{10 * FEATURES}f", *tensor(10, seed))
    head = {"name": "x", "shape": [10, FEATURES], "datatype": "FP32", "parameters": {"binary_data_size": len(values)}}
    head = json.dumps({"inputs": [head], "parameters": {"binary_data_output": True}}).encode()
    return PATH, head + values, {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}


def packed(seed):
    path, body, headers = v2(50, seed)
    return path, gzip.compress(body, 1), {**headers, "Content-Encoding": "gzip", "Accept-Encoding": "gzip"}


def split(seed):
    body = {"dataframe_split": {"columns": NAMES, "data": [row(seed), row(seed + 1)]}}
    return "/invocations", json.dumps(body).encode(), JSON


def kserve_v1(seed):
    return f"/v1/models/{ENDPOINT}:predict", json.dumps({"instances": [dict(zip(NAMES, row(seed)))]}).encode(), JSON


def wrong(seed):
    """Bodies that are at fault, each in another way."""
    path, body, headers = v2(1, seed)
    return [
        (path, body[:-9], headers),
        (path, b"[" * 5_000, headers),
        (path, body.replace(b"FP32", b"FP99"), headers),
        (path, body.replace(f"[1, {FEATURES}]".encode(), b"[1000000000, 1000000000]"), headers),
        (path, b'{"inputs": []}', headers),
        ("/v2/models/none/infer", body, headers),
        (path, b"\xff\xfe\x00", headers),
        (path, body, {**headers, "Content-Encoding": "gzip"}),
    ][seed % 8]


# What is asked, how many times a second, and whether over a connection of its own each time.
KINDS = {
    "1 row": (lambda seed: v2(1, seed), 100, False),
    "1 row, own connection": (lambda seed: v2(1, seed), 10, True),
    "100 rows": (lambda seed: v2(100, seed), 10, False),
    "1,000 rows": (lambda seed: v2(1_000, seed), 1, False),
    "binary tensors, 10 rows": (binary, 20, False),
    "packed, 50 rows": (packed, 5, False),
    "explained": (lambda seed: v2(1, seed, parameters={"explain": True}), 1, False),
    "/invocations": (split, 10, False),
    "KServe V1": (kserve_v1, 10, False),
    "wrong bodies": (wrong, 10, False),
    "metrics": (lambda seed: ("/metrics", None, {}), 0.2, False),
}
PYTHON_KIND = "model of Python"


def python_model(seed):
    body = {"inputs": [{"name": "rooms", "shape": [2], "datatype": "FP64", "data": [seed % 9, 2]}]}
    return "/v2/models/price/infer", json.dumps(body).encode(), JSON


def pace(per_second, until):
    """Times at the pace asked for; those that were missed are left out."""
    due = time.monotonic() + random.random() / per_second
    while due < until:
        wait = due - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        yield
        due = max(due + 1 / per_second, time.monotonic())


def ask_http(kind, make, per_second, is_own, port, until, found):
    """Asks, and tells each answer: kind, seconds, whether it is as it should be."""
    connection, told = None, 0
    for seed, _ in enumerate(pace(per_second, until)):
        path, body, headers = make(seed)
        began = time.perf_counter()
        try:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("POST" if body is not None else "GET", path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            is_right = 400 <= answer.status < 500 if kind == "wrong bodies" else answer.status == 200
            failure = None if is_right else f"{answer.status} {text[:200]!r}"
            if is_own or answer.will_close:
                connection = connection.close()
        except OSError as error:
            failure, connection = repr(error), None
        except http.client.HTTPException as error:
            failure, connection = repr(error), None
        found.put((kind, time.perf_counter() - began, failure))


def ask_grpc(port, until, found):
    import numpy
    import tritonclient.grpc as triton
    client = triton.InferenceServerClient(f"127.0.0.1:{port}")
    for seed, _ in enumerate(pace(20, until)):
        given = triton.InferInput("x", [1, FEATURES], "FP32")
        given.set_data_from_numpy(numpy.array([row(seed)], numpy.float32))
        began, failure = time.perf_counter(), None
        try:
            client.infer(ENDPOINT, [given])
        except Exception as error:
            failure = repr(error)
        found.put(("gRPC", time.perf_counter() - began, failure))


def resident_mb(server):
    """Of the program itself; workers are shown by their own number."""
    text = (Path("/proc") / str(server.process.pid) / "status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


def write_python_model(python, folder):
    """A model folder of MLflow whose code is Python."""
    (folder / "price.py").write_text('''
import sys
import mlflow, numpy, pandas
from mlflow.models import infer_signature

class Price(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return (20 + 2 * model_input["rooms"]).to_numpy()

rows = pandas.DataFrame({"rooms": [1.0, 3.0]})
signature = infer_signature(rows, numpy.array([22.0, 26.0]))
mlflow.pyfunc.save_model(sys.argv[1], python_model=Price(), signature=signature, pip_requirements=["mlflow"])
''')
    if not (folder / "models/price").exists():
        (folder / "models").mkdir(exist_ok=True)
        subprocess.run([python, "-W", "ignore", "price.py", "models/price"], cwd=folder, check=True, capture_output=True)


class PythonServer(Server):
    def url(self):
        return f"http://127.0.0.1:{self.port}/v2/models/price/infer"

    def ask(self, rows):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", *python_model(1))
        answer = connection.getresponse().read()
        connection.close()
        return answer


def second_version(kilter, folder):
    text = (folder / "train.py").read_text()
    if "0.051" not in text:
        (folder / "train.py").write_text(text.replace("0.05", "0.051"))
        made = subprocess.run([kilter, "run"], cwd=folder, capture_output=True, text=True)
        if made.returncode:
            raise SystemExit(made.stdout + made.stderr)


def minute_line(minute, kinds, servers, swaps):
    failures = sum(len(failed) for _, failed in kinds.values())
    answers = sum(len(times) for times, _ in kinds.values())
    memory = ", ".join(f"{server.name} {resident_mb(server):.0f} MB" for server in servers)
    slow = ", ".join(f"{kind} {percentile(times, 99) * 1e3:.1f}" for kind, (times, _) in sorted(kinds.items()) if times)
    print(f"{minute:3} min: {answers} answers, {failures} failures, {swaps} swaps; {memory}; p99 ms: {slow}", flush=True)


def percentile(times, share):
    times = sorted(times)
    return times[min(len(times) - 1, len(times) * share // 100)]


def summary(minutes):
    """The median of the p99 of each minute, and of memory: the first and the last third."""
    third = max(1, len(minutes) // 3)
    print("\n| kind | answers | failures | p50 ms | p99 ms, first third | p99 ms, last third |\n|---|---|---|---|---|---|")
    for kind in sorted({kind for minute in minutes for kind in minute["kinds"]}):
        of = lambda part: [percentile(minute["kinds"][kind][0], 99) * 1e3 for minute in part if minute["kinds"].get(kind, ([],))[0]]
        times = [value for minute in minutes for value in minute["kinds"].get(kind, ([], []))[0]]
        failed = sum(len(minute["kinds"].get(kind, ([], []))[1]) for minute in minutes)
        first, last = (statistics.median(of(part) or [0]) for part in (minutes[:third], minutes[-third:]))
        print(f"| {kind} | {len(times):,} | {failed} | {percentile(times, 50) * 1e3:.2f} | {first:.1f} | {last:.1f} |")
    print("\n| memory, MB | first third | last third | most |\n|---|---|---|---|")
    for name in minutes[0]["memory"]:
        of = lambda part: [minute["memory"][name] for minute in part]
        print(f"| {name} | {statistics.median(of(minutes[:third])):.0f} | {statistics.median(of(minutes[-third:])):.0f} | {max(of(minutes)):.0f} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kilter")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--python", help="an interpreter that has mlflow: adds a model in worker processes")
    options = parser.parse_args()
    folder = options.folder / ENDPOINT
    if not (folder / "work/model.onnx").exists():
        serving.write_project(folder)
        serving.kilter_project(options.kilter, folder)
    second_version(options.kilter, folder)
    if options.python:
        write_python_model(options.python, folder)

    port, grpc_port = free_port(), free_port()
    command = [options.kilter, "server", "--port", str(port), "--grpc-port", str(grpc_port), "--log", "warn"]
    servers = [Server("kilter server", command, folder, port)]
    until = time.monotonic() + 60 * options.minutes
    found = multiprocessing.Queue()
    clients = [multiprocessing.Process(target=ask_http, args=(kind, *how, port, until, found)) for kind, how in KINDS.items()]
    clients.append(multiprocessing.Process(target=ask_grpc, args=(grpc_port, until, found)))
    if options.python:
        own = free_port()
        command = [options.kilter, "serve", "models", "--port", str(own), "--python-environment", options.python, "--log", "warn"]
        servers.append(PythonServer("kilter serve", command, folder, own))
        clients.append(multiprocessing.Process(target=ask_http, args=(PYTHON_KIND, python_model, 20, False, own, until, found)))
    for client in clients:
        client.start()
    minutes, failures = watch(options, folder, servers, until, found)
    for client in clients:
        client.join()
    for server in servers:
        server.stop()
    summary(minutes)
    if failures:
        raise SystemExit(1)


def watch(options, folder, servers, until, found):
    minutes, failures, live, swaps = [], 0, 1, 0
    while time.monotonic() < until:
        kinds, begin = {}, time.monotonic()
        live = 3 - live
        swapping = subprocess.Popen([options.kilter, "deploy", "--version", str(live)], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while (left := min(begin + 60, until) - time.monotonic()) > 0:
            try:
                kind, seconds, failure = found.get(timeout=min(left, 1))
            except Exception:
                continue
            times, failed = kinds.setdefault(kind, ([], []))
            times.append(seconds)
            if failure:
                failed.append(failure)
                failures += 1
                print(f"  {kind}: {failure}", flush=True)
        _, said = swapping.communicate(timeout=60)
        if swapping.returncode:
            failures += 1
            print(f"  deploy --version {live}: {said.strip()}", flush=True)
        swaps += swapping.returncode == 0
        minutes.append({"kinds": kinds, "memory": {server.name: resident_mb(server) for server in servers}})
        minute_line(len(minutes), kinds, servers, swaps)
    return minutes, failures


if __name__ == "__main__":
    main()
