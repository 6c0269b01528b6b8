import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { type TrackedRun, trackedRuns } from "@/api/queries";
import { Empty, Failure, Head, Panel, Skeleton, Time, To, Verdict } from "@/parts/basics";
import { download, toCsv } from "@/parts/download";
import { useKeys } from "@/parts/keys";
import { Menu } from "@/parts/overlay";
import { type Column, Table } from "@/parts/Table";
import { useUrlState } from "@/parts/url";
import { count, duration, number, shortId } from "@/words/format";
import { trackedChip } from "./states";

/** Runs of the platform and of MLflow clients, searched by the server in MLflow's language. The table is the first paint; no chart is made until asked. */
export function Runs() {
  const [search, change] = useUrlState();
  const navigate = useNavigate();
  const [typed, setTyped] = useState(search["q"] ?? "");
  const order = search["order"] ? [search["order"]] : [];
  const found = useInfiniteQuery({ ...trackedRuns(search["q"] ?? "", order), placeholderData: keepPreviousData });
  const rows = found.data?.pages.flatMap((page) => page.items) ?? [];
  const selected = new Set((search["ids"] ?? "").split(",").filter(Boolean));
  const pick = (id: string): void => {
    if (selected.has(id)) selected.delete(id);
    else selected.add(id);
    change({ ids: [...selected].join(",") });
  };
  const compare = (): void => void (selected.size > 1 && navigate({ to: "/runs/compare" as never, search: { ids: [...selected].join(",") } as never }));
  useKeys({ c: compare });
  const metrics = namesOf(rows, (run) => run.metrics, 5);
  const params = namesOf(rows, (run) => run.params, 4);
  return (
    <>
      <Head title="Runs" verdict={<Verdict state="none">{found.hasNextPage ? `${count(rows.length)} newest` : count(rows.length)} {rows.length === 1 ? "run" : "runs"}{search["q"] ? " that fit the filter" : ""}</Verdict>}
        actions={<><button type="button" className="button main" disabled={selected.size < 2} data-tip="Compare (c)" onClick={compare}>Compare {selected.size > 1 ? selected.size : ""}</button><Menu actions={[{ name: "What is shown, as CSV", run: () => download("runs.csv", toCsv(rows.map((r) => ({ id: r.id, experiment: r.experiment, status: r.status, started: r.started ?? null, ...Object.fromEntries(params.map((n) => [`params.${n}`, r.params[n] ?? null])), ...Object.fromEntries(metrics.map((n) => [`metrics.${n}`, r.metrics[n]?.value ?? null])) })))) }]} /></>} />
      <form className="bar" onSubmit={(event) => { event.preventDefault(); change({ q: typed.trim(), ids: undefined }, { push: true }); }}>
        <input className="wide filter" aria-label="Filter" placeholder="metrics.auc > 0.7 and params.depth = '5'   (/)" value={typed} onChange={(e) => setTyped(e.target.value)} spellCheck={false} />
        <select aria-label="Order" value={search["order"] ?? ""} onChange={(e) => change({ order: e.target.value })}><option value="">newest first</option>{metrics.map((name) => <option key={name} value={`metrics.\`${name}\` DESC`}>highest {name}</option>)}{metrics.map((name) => <option key={`-${name}`} value={`metrics.\`${name}\` ASC`}>lowest {name}</option>)}</select>
        <button type="submit" className="button">Search</button>
        {search["q"] && <button type="button" className="link" onClick={() => { setTyped(""); change({ q: undefined }); }}>Clear</button>}
      </form>
      {found.error ? <Failure error={found.error} retry={() => void found.refetch()} /> : found.isPending ? <Skeleton /> : rows.length === 0 ? <Panel><Empty title={search["q"] ? "No run fits the filter." : "No run yet."}>{!search["q"] && <pre className="code">{`kilter run\nexport MLFLOW_TRACKING_URI=${location.origin}`}</pre>}</Empty></Panel> : (
        <Table label="Runs" rows={rows} columns={columns(metrics, params)} id={(r) => r.id} href={(r) => `/runs/${r.id}`} selected={selected} onSelect={pick} more={{ has: found.hasNextPage, load: () => void found.fetchNextPage(), isLoading: found.isFetchingNextPage }} />
      )}
    </>
  );
}

/** The most frequent names among rows. */
function namesOf(rows: TrackedRun[], pick: (run: TrackedRun) => object, most: number): string[] {
  const seen = new Map<string, number>();
  for (const row of rows) for (const name of Object.keys(pick(row))) seen.set(name, (seen.get(name) ?? 0) + 1);
  return [...seen].sort((a, b) => b[1] - a[1]).slice(0, most).map(([name]) => name);
}

const columns = (metrics: string[], params: string[]): Column<TrackedRun>[] => [
  { key: "name", head: "Run", cell: (r) => <span className={r.name === r.id ? "mono" : ""}>{r.name === r.id ? shortId(r.id) : r.name}</span> },
  { key: "experiment", head: "Experiment", cell: (r) => r.experiment, by: (r) => r.experiment },
  { key: "state", head: "State", cell: trackedChip, by: (r) => r.status },
  { key: "started", head: "Started", cell: (r) => <Time at={r.started} />, by: (r) => r.started },
  { key: "duration", head: "Took", right: true, cell: (r) => duration(r.started && r.ended ? Date.parse(r.ended) - Date.parse(r.started) : null), by: (r) => (r.started && r.ended ? Date.parse(r.ended) - Date.parse(r.started) : null) },
  ...metrics.map((name): Column<TrackedRun> => ({ key: `metrics.${name}`, head: name, right: true, cell: (r) => <span data-tip={String(r.metrics[name]?.value ?? "")}>{number(r.metrics[name]?.value)}</span>, by: (r) => r.metrics[name]?.value ?? null })),
  ...params.map((name): Column<TrackedRun> => ({ key: `params.${name}`, head: name, right: true, cell: (r) => r.params[name] ?? "–", by: (r) => r.params[name] ?? null })),
  { key: "version", head: "Made", cell: (r) => r.executed?.version ? <To href={`/models/${encodeURIComponent(r.executed.project)}/${r.executed.version}`}>v{r.executed.version}</To> : <span className="mute">–</span> },
];
