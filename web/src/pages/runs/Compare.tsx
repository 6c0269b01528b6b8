import { useQueries } from "@tanstack/react-query";
import { type TrackedRun, trackedRun } from "@/api/queries";
import { Empty, Failure, Head, Panel, Skeleton, To, Verdict } from "@/parts/basics";
import { type Column, Table } from "@/parts/Table";
import { useUrlState } from "@/parts/url";
import { number, plural, shortId } from "@/words/format";
import { MetricChart } from "./MetricChart";

const MAX_RUNS = 12;
const nameOf = (run: TrackedRun): string => (run.name === run.id ? shortId(run.id) : run.name);

/** Runs beside each other; parameters that are equal are folded. The first one is the baseline. */
export function Compare() {
  const [search, change] = useUrlState();
  const ids = (search["ids"] ?? "").split(",").filter(Boolean).slice(0, MAX_RUNS);
  const found = useQueries({ queries: ids.map((id) => trackedRun(id)) });
  const failed = found.find((f) => f.error);
  if (ids.length < 2) return <><Head title="Compare runs" /><Panel><Empty title="Two runs or more are compared: select them in the list with x."><To href="/runs">Runs</To></Empty></Panel></>;
  if (failed) return <Failure error={failed.error} />;
  if (found.some((f) => !f.data)) return <Skeleton />;
  const runs = found.flatMap((f) => (f.data ? [f.data] : []));
  const params = [...new Set(runs.flatMap((r) => Object.keys(r.params)))].sort();
  const differing = params.filter((name) => new Set(runs.map((r) => r.params[name])).size > 1);
  const metrics = [...new Set(runs.flatMap((r) => Object.keys(r.metrics)))].sort();
  const shown = search["params"] === "all" ? params : differing;
  const heads = (cell: (run: TrackedRun, name: string) => React.ReactNode): Column<string>[] => [{ key: "name", head: "Name", by: (n) => n, cell: (n) => n }, ...runs.map((run, i): Column<string> => ({ key: run.id, head: <To href={`/runs/${run.id}`}>{nameOf(run)}{i === 0 ? " · baseline" : ""}</To>, right: true, cell: (n) => cell(run, n) }))];
  return (
    <>
      <Head title={`Compare ${plural(runs.length, "run")}`} verdict={<Verdict state="none">{plural(differing.length, "parameter")} differ{differing.length === 1 ? "s" : ""}, {params.length - differing.length} are equal; {plural(metrics.length, "metric")}</Verdict>} />
      <Panel title="Metrics" aside="differences of single runs have no interval: they say little alone" flush>
        {metrics.length === 0 ? <Empty title="None of these runs logged a metric." /> : <Table label="Metrics" rows={metrics} id={(n) => n} columns={[...heads((run, n) => <MetricCell run={run} base={runs[0]} name={n} />), { key: "draw", head: <span className="sr">Draw</span>, cell: (n) => <button type="button" className="link" onClick={() => change({ metric: n })}>draw</button> }]} />}
        {search["metric"] && <div className="body"><MetricChart runs={runs.map((r) => ({ id: r.id, name: nameOf(r) }))} metric={search["metric"]} /></div>}
      </Panel>
      <Panel title="Parameters" aside={<button type="button" className="link" onClick={() => change({ params: search["params"] === "all" ? undefined : "all" })}>{search["params"] === "all" ? "only those that differ" : `show equal ones too (${params.length - differing.length})`}</button>} flush>
        {shown.length === 0 ? <Empty title="Every parameter is equal." /> : <Table label="Parameters" rows={shown} id={(n) => n} columns={heads((run, n) => run.params[n] ?? "–")} />}
      </Panel>
    </>
  );
}

function MetricCell({ run, base, name }: { run: TrackedRun; base: TrackedRun | undefined; name: string }) {
  const value = run.metrics[name]?.value;
  const from = base?.metrics[name]?.value;
  const difference = value != null && from != null && run !== base ? value - from : null;
  return <>{number(value)}{difference !== null && <span className="mute"> {difference >= 0 ? "+" : ""}{number(difference, 2)}</span>}</>;
}
