"""What a prediction costs: Kilter, FastAPI + onnxruntime + orjson and, if asked for, MLServer, with one LightGBM model.

usage: python serving.py KILTER FOLDER [--kilter-only] [--mlserver PYTHON] [--seconds N] [--swap]   (see serving.sh)

One server after the other answers the same request, sent by `wrk` over 1, 8 and 32 connections. CPU is user + system of the server's
processes by /proc, divided by the answers; the load program is in none of it. Answers are compared before anything is measured."""
import argparse, json, os, re, signal, socket, subprocess, sys, time, urllib.request
from pathlib import Path

TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")
ROWS, FEATURES = 4000, 20
ENDPOINT = "serving"

TRAIN = '''
import sys
import lightgbm, pandas
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

train, model_path = sys.argv[1:3]
rows = pandas.read_csv(train)
features = [name for name in rows.columns if name.startswith("f")]
model = lightgbm.LGBMClassifier(n_estimators=500, num_leaves=31, learning_rate=0.05, verbosity=-1, n_jobs=2)
model.fit(rows[features], rows["y"])
onnx = convert_lightgbm(model, initial_types=[("x", FloatTensorType([None, len(features)]))], zipmap=False, target_opset=15)
open(model_path, "wb").write(onnx.SerializeToString())
if len(sys.argv) > 3:
    model.booster_.save_model(sys.argv[3])
'''

FASTAPI = '''
import sys
import numpy, onnxruntime, orjson
from fastapi import FastAPI, Request, Response

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
app = FastAPI()

@app.post("/v2/models/serving/infer")
async def infer(request: Request):
    tensor = orjson.loads(await request.body())["inputs"][0]
    values = numpy.array(tensor["data"], numpy.float32).reshape(tensor["shape"])
    label, probabilities = session.run(None, {"x": values})
    outputs = [
        {"name": "score", "datatype": "FP64", "shape": [len(label)], "data": probabilities[:, 1].astype(float).tolist()},
        {"name": "label", "datatype": "INT64", "shape": [len(label)], "data": label.tolist()},
    ]
    return Response(orjson.dumps({"model_name": "serving", "model_version": "1", "outputs": outputs}), media_type="application/json")

if __name__ == "__main__":
    import uvicorn
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)
'''


def drawn(row, feature):
    """A number that looks drawn and is the same everywhere."""
    mixed = (row * 6364136223846793005 + feature * 1442695040888963407 + 0x9E3779B97F4A7C15) % 2**64
    mixed = (mixed ^ (mixed >> 31)) * 0xBF58476D1CE4E5B9 % 2**64
    return round(((mixed ^ (mixed >> 29)) >> 40) / 2**24, 6)


def row(number):
    return [drawn(number, feature) for feature in range(FEATURES)]


def write_project(folder):
    """A table, and a training script."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"f{at:02}" for at in range(FEATURES)]
    with open(folder / "data.csv", "w") as out:
        out.write(",".join(["id", "date", *names, "y"]) + "\n")
        for number in range(ROWS):
            values = row(number)
            truth = values[0] * values[1] + values[2] + (drawn(number, 99) - 0.5) * 0.4 > 0.75
            date = f"2024-{1 + number * 12 // ROWS:02}-{1 + number % 28:02}"
            out.write(",".join([str(number), date, *map(str, values), "yes" if truth else "no"]) + "\n")
    (folder / "train.py").write_text(TRAIN)
    (folder / "fastapi_server.py").write_text(FASTAPI)


def kilter_project(kilter, folder):
    """Trains, packages and deploys with the commands that a person types."""
    def run(*command):
        done = subprocess.run([kilter, *command], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"kilter {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    run("init", "--from", "data.csv")
    text = (folder / "kilter.toml").read_text()
    text = text.replace("work/train.parquet", "work/train.csv").replace("work/test.parquet", "work/test.csv")
    text = re.sub(r'run = "kilter train .*', f'run = "{sys.executable} train.py {{in.train}} {{out.model}}"', text)
    text = text.replace('work/model"', 'work/model.onnx"')
    # A version that is deployed is live at once.
    text = re.sub(r"^canary .*\n", "", text, flags=re.M)
    (folder / "kilter.toml").write_text(text)
    run("run")
    run("deploy", "--version", "1")


def body(rows):
    data = [value for number in range(rows) for value in row(10_000 + number)]
    tensor = {"name": "x", "shape": [rows, FEATURES], "datatype": "FP32", "data": data}
    return json.dumps({"inputs": [tensor]}, separators=(",", ":"))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


class Server:
    """A server of a process group of its own, and what its processes use."""

    def __init__(self, name, command, folder, port, variables=()):
        self.name, self.port = name, port
        self.log = folder / f"{name.replace(' ', '-')}.log"
        with open(self.log, "wb") as log:
            environment = {**os.environ, "OMP_NUM_THREADS": "1", **dict(variables)}
            self.process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True, env=environment)
        began = time.perf_counter()
        while True:
            try:
                return self.ask(1) and None
            except OSError:
                if self.process.poll() is not None or time.perf_counter() - began > 60:
                    raise SystemExit(f"{name} did not start: {self.log.read_text()[-2000:]}")
                time.sleep(0.05)

    def url(self):
        return f"http://127.0.0.1:{self.port}/v2/models/{ENDPOINT}/infer"

    def ask(self, rows):
        request = urllib.request.Request(self.url(), body(rows).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def processes(self):
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[2]) == self.process.pid:
                found.append((entry, fields))
        return found

    def cpu_us(self):
        return sum(sum(map(int, fields[11:15])) for _, fields in self.processes()) * TICK_US

    def resident_mb(self):
        lines = [(entry / "smaps_rollup").read_text() for entry, _ in self.processes()]
        return sum(int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1]) for text in lines) / 1024

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def scores(answer):
    output = next(output for output in answer["outputs"] if output["name"] in ("score", "predict"))
    return output["data"]


def load(server, folder, clients, rows, seconds):
    """Sends one request again and again over `clients` connections."""
    script = folder / f"{rows}.lua"
    script.write_text(f"wrk.method='POST'\nwrk.headers['Content-Type']='application/json'\nwrk.body=[==[{body(rows)}]==]\n")
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency", "-s", str(script), server.url()]
    cpu = server.cpu_us()
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    cpu = server.cpu_us() - cpu
    unit = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    percentile = lambda share: (lambda found: float(found[1]) * unit[found[2]])(re.search(rf"{share}%\s+([\d.]+)(us|ms|s)", text))
    answers = int(re.search(r"(\d+) requests in", text)[1])
    failures = sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", text)))
    failures += sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text)))
    return {"per_s": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), "p50": percentile(50), "p99": percentile(99),
            "cpu": cpu / max(answers, 1), "answers": answers, "failures": failures}


def kilter_server(kilter, folder, ack):
    port = free_port()
    return Server(f"kilter {ack}", [kilter, "server", "--port", str(port), "--record-ack", ack, "--log", "warn"], folder, port)


def servers(options, folder):
    """Each server in turn: its name, how it is started."""
    yield "Kilter, durable", lambda: kilter_server(options.kilter, folder, "disk")
    yield "Kilter, buffered", lambda: kilter_server(options.kilter, folder, "memory")
    if not options.kilter_only:
        port = free_port()
        command = [sys.executable, "fastapi_server.py", str(folder / "work/model.onnx"), str(port)]
        yield "FastAPI + onnxruntime", lambda: Server("fastapi", command, folder, port)
    if options.mlserver:
        yield "MLServer", lambda: mlserver(options.mlserver, folder)


def mlserver(python, folder):
    home, port = folder / "mlserver", free_port()
    home.mkdir(exist_ok=True)
    settings = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port(), "parallel_workers": 0, "host": "127.0.0.1"}
    (home / "settings.json").write_text(json.dumps(settings))
    model = {"name": ENDPOINT, "implementation": "mlserver_lightgbm.LightGBMModel", "parameters": {"uri": str(folder / "model.txt"), "version": "1"}}
    (home / "model-settings.json").write_text(json.dumps(model))
    return Server("mlserver", [python, "-m", "mlserver.cli.main", "start", str(home)], folder, port)


def compare(answers):
    """The first server's scores against those of the others."""
    (first, expected), *others = answers.items()
    for name, found in others:
        furthest = max(abs(one - other) for one, other in zip(expected, found, strict=True))
        if furthest > 1e-5:
            raise SystemExit(f"{name} answers otherwise than {first}: they differ by {furthest}")


def measure(options, folder):
    figures, answers, resident = {}, {}, {}
    for name, start in servers(options, folder):
        server = start()
        answers[name] = scores(server.ask(100))
        compare(answers)
        load(server, folder, 8, 1, 1)
        for rows, clients in [(1, 1), (1, 8), (1, 32), (100, 8)]:
            figures[name, rows, clients] = load(server, folder, clients, rows, options.seconds)
        resident[name] = server.resident_mb()
        server.stop()
    peer = next((name for name in answers if name.startswith("FastAPI")), None)
    print("| server | rows | clients | requests/s | p50 ms | p99 ms | CPU µs per request | less CPU than FastAPI | failures |")
    print("|---|---|---|---|---|---|---|---|---|")
    for (name, rows, clients), found in figures.items():
        ratio = f"{figures[peer, rows, clients]['cpu'] / found['cpu']:.1f} x" if peer and found["cpu"] else "–"
        print(f"| {name} | {rows} | {clients} | {found['per_s']:,.0f} | {found['p50']:.3g} | {found['p99']:.3g} | {found['cpu']:.1f} | {ratio} | {found['failures']} |")
    print("\nresident after the load, MB: " + ", ".join(f"{name} {megabytes:.0f}" for name, megabytes in resident.items()))


def swap(options, folder):
    """Replaces the live version again and again while requests arrive: none may fail."""
    run = lambda *command: subprocess.run([options.kilter, *command], cwd=folder, capture_output=True, text=True)
    text = (folder / "train.py").read_text()
    (folder / "train.py").write_text(text.replace("0.05", "0.051"))
    made = run("run")
    if made.returncode:
        raise SystemExit(made.stdout + made.stderr)
    live = 1
    for ack in ("disk", "memory"):
        server = kilter_server(options.kilter, folder, ack)
        script = folder / "1.lua"
        load(server, folder, 8, 1, 1)
        command = ["wrk", "-t1", "-c8", f"-d{3 * options.seconds}s", "-s", str(script), server.url()]
        load_program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        swaps = 0
        while load_program.poll() is None:
            live = 3 - live
            done = run("deploy", "--version", str(live))
            if done.returncode:
                raise SystemExit(f"deploy failed: {done.stdout}{done.stderr}")
            swaps += 1
        text = load_program.stdout.read()
        failures = re.findall(r"Socket errors.*|Non-2xx.*", text)
        answers = re.search(r"(\d+) requests in", text)[1]
        print(f"--record-ack {ack}: {swaps} swaps during {answers} answers, {'; '.join(failures) or '0 failures'}")
        server.stop()
        if failures:
            raise SystemExit(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kilter")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kilter-only", action="store_true")
    parser.add_argument("--mlserver")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--swap", action="store_true")
    options = parser.parse_args()
    folder = options.folder / ENDPOINT
    if not (folder / "work/model.onnx").exists():
        write_project(folder)
        kilter_project(options.kilter, folder)
    if options.swap:
        return swap(options, folder)
    if options.mlserver:
        subprocess.run([sys.executable, "train.py", "work/train.csv", "again.onnx", "model.txt"], cwd=folder, check=True, capture_output=True)
    measure(options, folder)


if __name__ == "__main__":
    main()
