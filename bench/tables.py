"""Tables as they lie on a disk, and what it costs to look at them: CPU seconds (user + system) and peak memory.

usage: python tables.py make FOLDER ROWS...         (needs numpy and pyarrow)
       python tables.py measure KILTER FOLDER ROWS...  (needs nothing: a child inherits the peak memory of a large parent)
       python tables.py peer evidently|whylogs FOLDER ROWS

See tables.sh."""
import json, os, sys, time

COLUMNS, GROUP = 50, 128 * 1024
REPEATS = 2


def path(folder, side, rows): return os.path.join(folder, f"{side}-{rows}.parquet")


def names(count): return [f"c{at:02}" for at in range(count)]


def is_category(at): return at % 5 == 4


# --- making -----------------------------------------------------------------------------------------------------------

def numbers(draw, at, rows, shift):
    """Eight laws in turn; `shift` moves each a little."""
    law = (at - at // 5) % 8
    if law == 0: return draw.normal(shift, 1, rows)
    if law == 1: return draw.lognormal(shift, 1, rows)
    if law == 2: return draw.uniform(shift, 1 + shift, rows)
    if law == 3: return (draw.normal(100 + 15 * shift, 15, rows)).round(2)
    if law == 4: return draw.poisson(40 * (1 + shift), rows).astype(float)
    if law == 5: return draw.standard_t(3, rows) + shift
    if law == 6: return draw.gamma(2, 1 + shift, rows)
    values = draw.normal(shift, 1, rows) + 4 * (draw.random(rows) < 0.3)
    values[draw.random(rows) < 0.1] = float("nan")
    return values


def categories(draw, at, rows, shift):
    """Three to 1,500 names, the first ones frequent."""
    import numpy as np, pyarrow as pa
    count = (3, 6, 12, 50, 1500)[at // 5 % 5]
    weights = 1 / (np.arange(count) + 1.0) ** (1 + shift)
    codes = np.searchsorted(np.cumsum(weights / weights.sum())[:-1], draw.random(rows)).astype(np.int32)
    return pa.DictionaryArray.from_arrays(codes, [f"name {value}" for value in range(count)]).cast(pa.string())


def make(folder, rows):
    import numpy as np, pyarrow as pa, pyarrow.parquet as pq
    types = [pa.string() if is_category(at) else pa.float64() for at in range(COLUMNS)]
    schema = pa.schema(list(zip(names(COLUMNS), types)))
    for seed, (side, shift) in enumerate((("reference", 0.0), ("current", 0.05))):
        with pq.ParquetWriter(path(folder, side, rows), schema, compression="zstd") as writer:
            for start in range(0, rows, GROUP):
                count, made = min(GROUP, rows - start), []
                for at in range(COLUMNS):
                    draw = np.random.default_rng([seed, at, start])
                    values = categories(draw, at, count, shift) if is_category(at) else numbers(draw, at, count, shift)
                    made.append(values if is_category(at) else pa.array(values, from_pandas=True))
                writer.write_table(pa.table(made, schema=schema), row_group_size=GROUP)


# --- measuring --------------------------------------------------------------------------------------------------------

def child(command):
    """CPU seconds and peak MB of a command; the better of the repeats, for others use the cores too."""
    best = None
    for _ in range(REPEATS):
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
        _, status, used = os.wait4(pid, 0)
        if os.waitstatus_to_exitcode(status): sys.exit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
        cost = (used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)
        best = cost if best is None else tuple(map(min, best, cost))
    return best


def jobs(kilter, folder, rows, columns):
    reference, current = path(folder, "reference", rows), path(folder, "current", rows)
    only = ["--columns", ",".join(names(columns))]
    stored, like, both = (os.path.join(folder, f"{name}.profile") for name in ("reference", "current", "both"))
    yield "drift, table against table, exact", [kilter, "drift", reference, current, *only]
    yield "profile", [kilter, "profile", reference, "--out", stored, *only]
    yield "drift, table against profile", [kilter, "drift", stored, current, *only]
    yield "profile with another's bins", [kilter, "profile", current, "--like", stored, "--out", like]
    yield "merge of two profiles, process and all", [kilter, "profile", like, "--merge", stored, "--out", both]


def measure(kilter, folder, sizes):
    """Every job at every size; what a process costs in any case stands last."""
    print(f"{'rows':>10} {'columns':>7}  {'job':<40} {'CPU s':>8} {'peak MB':>8} {'ns a cell':>9}", flush=True)
    measured = {}
    for rows in sizes:
        for columns in (COLUMNS // 2, COLUMNS):
            for job, command in jobs(kilter, folder, rows, columns):
                seconds, memory = child(command)
                cells = rows * columns * (2 if "table against table" in job else 1)
                a_cell = "" if job.startswith("merge") else f"{1e9 * seconds / cells:>9.1f}"
                print(f"{rows:>10} {columns:>7}  {job:<40} {seconds:>8.3f} {memory:>8.0f} {a_cell}", flush=True)
                measured[f"{job}, {rows} x {columns}"] = seconds
    with open(os.path.join(folder, "measured.json"), "w") as file: json.dump(measured, file, indent=1)
    size = os.path.getsize(os.path.join(folder, "reference.profile"))
    print(f"a stored profile of {COLUMNS} columns: {size / 1000:.0f} kB")
    print(f"a process that does nothing (--version): {child([kilter, '--version'])[0]:.3f} CPU s")


# --- peers ------------------------------------------------------------------------------------------------------------

def told(peer, job, folder, rows, columns, before):
    """What the peer cost, for all columns, and how many times that is what kilter's `job` cost on the same files."""
    import resource
    seconds, peak = time.process_time() - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    whole = seconds * COLUMNS / columns
    with open(os.path.join(folder, "measured.json")) as file: ours = json.load(file)[f"{job}, {rows} x {COLUMNS}"]
    scaled = "" if columns == COLUMNS else f", so about {whole:.0f} for {COLUMNS} columns (extrapolated)"
    print(f"{peer}, {rows} rows x {columns}: {seconds:.1f} CPU s, peak {peak:.0f} MB{scaled}; {whole / ours:.0f} times kilter's {ours:.2f}", flush=True)


def evidently(folder, rows):
    """Five of the columns (four of numbers, one of categories, as in the whole), from reading to the result."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset
    columns = names(5)
    before = time.process_time()
    definition = DataDefinition(numerical_columns=columns[:4], categorical_columns=columns[4:])
    sides = [Dataset.from_pandas(pd.read_parquet(path(folder, side, rows), columns=columns), data_definition=definition) for side in ("current", "reference")]
    Report([DataDriftPreset()]).run(*sides).dict()
    told("evidently 0.7.23, drift preset", "drift, table against table, exact", folder, rows, 5, before)


def whylogs(folder, rows):
    """All columns, from reading to the serialised profile."""
    import pandas as pd, whylogs as why
    before = time.process_time()
    why.log(pd.read_parquet(path(folder, "reference", rows))).view().serialize()
    told(f"whylogs {why.__version__}, profile", "profile", folder, rows, COLUMNS, before)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder, *sizes]:
            for rows in map(int, sizes): make(folder, rows)
        case ["measure", kilter, folder, *sizes]: measure(kilter, folder, [int(rows) for rows in sizes])
        case ["peer", peer, folder, rows]: {"evidently": evidently, "whylogs": whylogs}[peer](folder, int(rows))
        case _: sys.exit(__doc__)
