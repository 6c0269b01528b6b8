"""What logging to and reading from a tracking server costs: Kilter, and MLflow's own server with its default settings.

usage: python tracking.py KILTER MLFLOW FOLDER [--kilter-only] [--quick]   (see tracking.sh)

Both get the same bytes over one connection each, one server after the other. The requests are made before the clock starts. CPU is
user + system of all processes of the server, without what it uses while nobody asks; what this program needs is in none of it."""
import json, os, random, shutil, signal, socket, sqlite3, subprocess, sys, threading, time
from pathlib import Path

API, FILES = "/api/2.0/mlflow", "/api/2.0/mlflow-artifacts/artifacts"
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
RUNS, FOUND, POINTS, PAGE, CLIENTS = 10_000, 1000, 100_000, 25_000, 8
ARTIFACT_BYTES = 100 << 20


class Connection:
    """One connection that stays open; an answer is read to its end and thrown away, unless it is wanted."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest, self.buffer = b"", bytearray(1 << 20)

    def more(self):
        part = self.socket.recv(1 << 16)
        if not part:
            raise ConnectionError("the server closed the connection")
        self.rest += part

    def line(self):
        while b"\r\n" not in self.rest:
            self.more()
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line

    def take(self, count, is_wanted):
        taken = [self.rest[:count]] if is_wanted else []
        left, self.rest = count - len(self.rest), self.rest[count:]
        while left > 0:
            read = self.socket.recv_into(self.buffer, min(left, len(self.buffer)))
            if not read:
                raise ConnectionError("the server closed the connection")
            left -= read
            if is_wanted:
                taken.append(bytes(self.buffer[:read]))
        return b"".join(taken)

    def answer(self, is_wanted=False):
        status, headers = int(self.line().split()[1]), {}
        while line := self.line():
            name, value = line.split(b":", 1)
            headers[name.lower()] = value.strip()
        parts = []
        if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
            while size := int(self.line().split(b";")[0], 16):
                parts.append(self.take(size, is_wanted))
                self.line()
            self.line()
        else:
            parts.append(self.take(int(headers.get(b"content-length", 0)), is_wanted))
        body = b"".join(parts)
        if status != 200:
            raise RuntimeError(f"{status}: {body[:300] or '(not read)'}")
        return body

    def ask(self, request, is_wanted=False):
        self.socket.sendall(request)
        return self.answer(is_wanted)

    def json(self, request):
        return json.loads(self.ask(request, True))


def get(path):
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()


def post(path, body):
    body = json.dumps(body).encode()
    head = f"POST {API}/{path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Server:
    """A server of its own process group, and what its processes use."""

    def __init__(self, name, command, folder, port):
        self.name, self.folder, self.port = name, folder, port
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        began = time.perf_counter()
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
        while True:
            try:
                Connection(port).ask(get("/health"))
                break
            except (ConnectionError, RuntimeError):
                if self.process.poll() is not None or time.perf_counter() - began > 120:
                    raise SystemExit(f"{name} did not start: {(folder / 'log').read_text()[-2000:]}")
                time.sleep(0.001)
        self.start_ms = (time.perf_counter() - began) * 1000

    def processes(self):
        """Those of its process group, also where a process between is gone."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue
            fields = text.rsplit(")", 1)[1].split()
            if int(fields[2]) == self.process.pid or int(fields[3]) == self.process.pid:
                found.append((entry, fields))
        return found

    def cpu_ms(self):
        return sum(sum(map(int, fields[11:15])) for _, fields in self.processes()) * TICK_MS

    def memory_mb(self):
        """Resident; what several processes share is counted once."""
        found, kind = self.processes(), "Pss:"
        if len(found) == 1:
            kind = "Rss:"
        kilobytes = 0
        for entry, _ in found:
            for line in (entry / "smaps_rollup").read_text().splitlines():
                if line.startswith(kind):
                    kilobytes += int(line.split()[1])
        return kilobytes / 1024

    def idle_share(self):
        """CPU that it uses while nobody asks, in ms per ms, once that is steady: MLflow's server starts processes behind its first answer."""
        shares = []
        while len(shares) < 30:
            before, began = self.cpu_ms(), time.perf_counter()
            time.sleep(3)
            shares.append((self.cpu_ms() - before) / ((time.perf_counter() - began) * 1000))
            if len(shares) > 1 and max(shares[-2:]) < 0.05:
                break
        return shares[-1]

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            pass
        for entry, _ in self.processes():
            try:
                os.kill(int(entry.name), signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()


def measure(server, idle, groups, client=None, each=1):
    """Sends each group of requests over a connection of its own, all at once; `each`: requests that make one job."""
    times = []

    def send(requests):
        connection = Connection(server.port)
        taken = []
        for request in requests:
            began = time.perf_counter()
            client(connection, request) if client else connection.ask(request)
            taken.append(time.perf_counter() - began)
        times.append(taken)

    before, began = server.cpu_ms(), time.perf_counter()
    threads = [threading.Thread(target=send, args=(requests,)) for requests in groups]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    elapsed = time.perf_counter() - began
    # What it does behind its answers counts too.
    time.sleep(0.3)
    cpu = server.cpu_ms() - before - idle * (time.perf_counter() - began) * 1000
    if sum(map(len, times)) != sum(map(len, groups)):
        raise SystemExit(f"{server.name}: a request failed")
    jobs = sorted(sum(taken[at:at + each]) for taken in times for at in range(0, len(taken), each))
    at = lambda share: jobs[min(len(jobs) - 1, int(len(jobs) * share))] * 1000
    return {"per_s": len(jobs) / elapsed, "p50": at(0.5), "p99": at(0.99), "cpu": max(cpu, 0.0) / len(jobs), "jobs": len(jobs)}


def batch(run, number, points=100):
    now = 1_700_000_000_000
    metrics = [{"key": f"m{at % 10}", "value": at / 7 + number, "timestamp": now + at, "step": number * points + at} for at in range(points)]
    return post("runs/log-batch", {"run_id": run, "metrics": metrics})


def fill_kilter(connection):
    """The runs that are searched, over its API."""
    made = connection.json(post("experiments/create", {"name": "searched"}))["experiment_id"]
    for number, (metrics, params) in enumerate(searched_runs()):
        run = connection.json(post("runs/create", {"experiment_id": made, "start_time": number + 1}))["run"]["info"]["run_id"]
        metrics = [{"key": key, "value": value, "timestamp": 1, "step": 1} for key, value in metrics.items()]
        params = [{"key": key, "value": value} for key, value in params.items()]
        connection.ask(post("runs/log-batch", {"run_id": run, "metrics": metrics, "params": params}))
    return made


def fill_mlflow(connection, database):
    """The same rows, written into its file: over its API they would take a quarter of an hour."""
    made = connection.json(post("experiments/create", {"name": "searched"}))["experiment_id"]
    with sqlite3.connect(database, timeout=60) as rows:
        for number, (metrics, params) in enumerate(searched_runs()):
            run = f"{number:032x}"
            uri = f"mlflow-artifacts:/{made}/{run}/artifacts"
            rows.execute("INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, source_version, lifecycle_stage, artifact_uri, experiment_id) "
                         "VALUES (?, ?, 'UNKNOWN', '', '', '', 'RUNNING', ?, '', 'active', ?, ?)", (run, f"run-{number}", number + 1, uri, int(made)))
            rows.execute('INSERT INTO tags ("key", value, run_uuid) VALUES (?, ?, ?)', ("mlflow.runName", f"run-{number}", run))
            rows.executemany('INSERT INTO params ("key", value, run_uuid) VALUES (?, ?, ?)', [(key, value, run) for key, value in params.items()])
            points = [(key, value, 1, run, 1, 0) for key, value in metrics.items()]
            rows.executemany('INSERT INTO metrics ("key", value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)', points)
            rows.executemany('INSERT INTO latest_metrics ("key", value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, ?)', points)
    return made


def searched_runs():
    """Ten metrics and five parameters each; the filter below finds a thousand."""
    draw = random.Random(1)
    for number in range(RUNS):
        metrics = {f"m{at}": draw.random() for at in range(10)}
        metrics["m0"] = (number * 7919 % RUNS) / RUNS
        yield metrics, {f"p{at}": str(number % (5 if at == 0 else 9)) for at in range(5)}


def upload(connection, path):
    """As the client sends a file: read as it goes."""
    bytes_ = path.stat().st_size
    place = f"{FILES}/0/measured/artifacts/{path.name}"
    connection.socket.sendall(f"PUT {place} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/octet-stream\r\ncontent-length: {bytes_}\r\n\r\n".encode())
    with open(path, "rb") as file:
        connection.socket.sendfile(file)
    connection.answer()


def jobs_of(server, is_quick, idle):
    """Each measured job: its name, its unit, and the figures."""
    is_kilter = server.name == "kilter"
    times = (10 if is_kilter else 1) / (10 if is_quick else 1)
    many = lambda count: max(4, int(count * times))
    # A connection on which nobody asks for some seconds is closed by MLflow's server.
    ask = lambda request: Connection(server.port).json(request)
    new_run = lambda: ask(post("runs/create", {"experiment_id": "0"}))["run"]["info"]["run_id"]
    run = new_run()
    [ask(batch(run, 10_000 + number)) for number in range(8)]
    create = [post("runs/create", {"experiment_id": "0", "start_time": number, "user_id": "someone", "tags": [{"key": "mlflow.user", "value": "someone"}, {"key": "mlflow.source.name", "value": "train.py"}]}) for number in range(many(200))]
    yield "create a run", measure(server, idle, [create])
    one = [post("runs/log-metric", {"run_id": run, "key": "loss", "value": number / 3, "timestamp": 1_700_000_000_000 + number, "step": number}) for number in range(many(200))]
    yield "log one metric", measure(server, idle, [one])
    yield "log a batch of 100 metrics", measure(server, idle, [[batch(run, number) for number in range(many(100))]])
    groups = [[batch(of, number) for number in range(many(20))] for of in [new_run() for _ in range(CLIENTS)]]
    yield f"the same, {CLIENTS} clients at once", measure(server, idle, groups)
    made = fill_kilter(Connection(server.port)) if is_kilter else fill_mlflow(Connection(server.port), server.folder / "mlflow.db")
    search = post("runs/search", {"experiment_ids": [made], "filter": "metrics.m0 >= 0.5 AND params.p0 = '3'", "max_results": FOUND})
    found = len(ask(search).get("runs", []))
    if found != FOUND:
        raise SystemExit(f"{server.name}: the search found {found} runs")
    yield f"search {FOUND:,} of {RUNS:,} runs", measure(server, idle, [[search] * many(10)])
    ordered = post("runs/search", {"experiment_ids": [made], "filter": "metrics.m0 >= 0.5 AND params.p0 = '3'", "order_by": ["metrics.m1 DESC"], "max_results": 100})
    yield f"search the best 100 of {RUNS:,} runs", measure(server, idle, [[ordered] * many(10)])
    long = new_run()
    for number in range(POINTS // 1000):
        metrics = [{"key": "loss", "value": 1 / (1 + number + at), "timestamp": 1_700_000_000_000 + number * 1000 + at, "step": number * 1000 + at} for at in range(1000)]
        ask(post("runs/log-batch", {"run_id": long, "metrics": metrics}))
    history = f"{API}/metrics/get-history?run_id={long}&metric_key=loss"
    pages, token = [], None
    while token != "":
        pages.append(get(history + f"&max_results={PAGE}" + (f"&page_token={token}" if token else "")))
        token = ask(pages[-1]).get("next_page_token", "")
    yield f"history of {POINTS:,} points in pages", measure(server, idle, [pages * many(3)], each=len(pages))
    yield f"history of {POINTS:,} points at once", measure(server, idle, [[get(history)] * many(3)])
    files = []
    for number in range(3):
        path = server.folder / f"artifact-{number}.bin"
        path.write_bytes(random.Random(number).randbytes(ARTIFACT_BYTES))
        files.append(path)
    megabytes = ARTIFACT_BYTES >> 20
    yield f"upload {megabytes} MB", measure(server, idle, [files], client=upload)
    down = [get(f"{FILES}/0/measured/artifacts/{path.name}") for path in files]
    yield f"download {megabytes} MB", measure(server, idle, [down])


def transfer_floor(folder):
    """What a copy of the file costs, and its way over the loopback, in ms: the median of three."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "source.bin"
    source.write_bytes(random.Random(9).randbytes(ARTIFACT_BYTES))

    def copy(sync):
        target = folder / "target.bin"
        target.unlink(missing_ok=True)
        began = time.perf_counter()
        subprocess.run(["cp", "--reflink=never", source, target], check=True)
        if sync:
            subprocess.run(["sync", target], check=True)
        return (time.perf_counter() - began) * 1000

    def loopback():
        listener = socket.create_server(("127.0.0.1", 0))

        def drain():
            peer, _ = listener.accept()
            buffer = bytearray(1 << 20)
            while peer.recv_into(buffer):
                pass
            peer.sendall(b"x")

        thread = threading.Thread(target=drain)
        thread.start()
        began = time.perf_counter()
        with socket.create_connection(listener.getsockname()) as out, open(source, "rb") as file:
            out.sendfile(file)
            out.shutdown(socket.SHUT_WR)
            out.recv(1)
        thread.join()
        return (time.perf_counter() - began) * 1000

    middle = lambda work: sorted(work() for _ in range(3))[1]
    return {"cp": middle(lambda: copy(False)), "cp, on the disk": middle(lambda: copy(True)), "loopback": middle(loopback)}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def whole(name, command, folder, is_quick):
    port = free_port()
    server = Server(name, [part.replace("PORT", str(port)) for part in command], folder, port)
    try:
        idle = server.idle_share()
        figures = {"start": server.start_ms, "memory after start": server.memory_mb()}
        for job, measured in jobs_of(server, is_quick, idle):
            print(f"{name}: {job}: {measured}", file=sys.stderr, flush=True)
            figures[job] = measured
        figures["memory after the load"] = server.memory_mb()
        return figures
    finally:
        server.stop()


def table(kilter, mlflow, floor):
    print("| job | MLflow: requests/s | p50 ms | p99 ms | CPU ms | Kilter: requests/s | p50 ms | p99 ms | CPU ms | CPU, ratio |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    short = lambda figure: f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
    for job, ours in kilter.items():
        if isinstance(ours, dict):
            theirs = mlflow.get(job) if mlflow else None
            columns = lambda of: " | ".join(short(of[name]) for name in ("per_s", "p50", "p99", "cpu")) if of else "– | – | – | –"
            ratio = f"{theirs['cpu'] / ours['cpu']:.0f}" if theirs and ours["cpu"] else "–"
            print(f"| {job} | {columns(theirs)} | {columns(ours)} | {ratio} |")
    print("\n| what | MLflow | Kilter |\n|---|---|---|")
    for what, unit in (("start", "ms"), ("memory after start", "MB"), ("memory after the load", "MB")):
        print(f"| {what}, {unit} | {short(mlflow[what]) if mlflow else '–'} | {short(kilter[what])} |")
    print(f"\nThe file of {ARTIFACT_BYTES >> 20} MB by itself: " + ", ".join(f"{what} {took:.0f} ms" for what, took in floor.items()))


def main(kilter, mlflow, folder, *options):
    folder, is_quick = Path(folder), "--quick" in options
    ours = whole("kilter", [kilter, "server", "--port", "PORT", "--data", "data", "--log", "warn"], folder / "kilter", is_quick)
    floor = transfer_floor(folder / "floor")
    theirs = None
    if "--kilter-only" not in options:
        theirs = whole("mlflow", [mlflow, "server", "--port", "PORT"], folder / "mlflow", is_quick)
    table(ours, theirs, floor)


if __name__ == "__main__":
    main(*sys.argv[1:])
