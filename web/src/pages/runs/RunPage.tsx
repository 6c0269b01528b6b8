import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { ApiError, post } from "@/api/client";
import { type Run, run as runQuery, stepLog, type TrackedRun, trackedRun } from "@/api/queries";
import { glyphs } from "@/api/loop";
import { Gantt } from "@/charts/Gantt";
import { Act } from "@/parts/Act";
import { Await, Copy, Empty, Head, Pairs, Panel, Skeleton, Time, To, Verdict } from "@/parts/basics";
import { Table } from "@/parts/Table";
import { useUrlState } from "@/parts/url";
import { NotFound } from "@/pages/NotFound";
import { count, duration, headline, number, person, plural, sentence, short, shortId, signs } from "@/words/format";
import { MetricChart } from "./MetricChart";
import { runChip, runState, stepStates, trackedChip } from "./states";

const is404 = (error: unknown): boolean => error instanceof ApiError && error.problem.status === 404;

/** A run of the platform with its steps, and what any run logged. */
export function RunPage() {
  const { run = "" } = useParams({ strict: false });
  const executed = useQuery({ ...runQuery(run), retry: false });
  const tracked = useQuery({ ...trackedRun(run), retry: false });
  if (is404(executed.error) && is404(tracked.error)) return <NotFound what={`run ${run}`} />;
  if (executed.data) return <Executed run={executed.data} tracked={tracked.data} />;
  if (executed.isPending || tracked.isPending) return <Skeleton />;
  return <Await of={tracked}>{(t) => <><Head title={t.name} after={trackedChip(t)} meta={<>experiment {t.experiment} · <Time at={t.started} /> · <code>{shortId(t.id)}</code></>} /><Logged run={t} /></>}</Await>;
}

function Executed({ run, tracked }: { run: Run; tracked: TrackedRun | undefined }) {
  const { summary } = run;
  const [isCancelling, setCancelling] = useState(false);
  const version = run.version;
  const isOpen = summary.state === "running" || summary.state === "queued";
  const refused = version?.gates?.find((gate) => gate.verdict === "failed");
  const took = run.steps.filter((s) => s.state !== "cached").reduce((ms, step) => ms + step.wall_ms, 0);
  return (
    <>
      <Head title={<>{summary.project} <span className="mute mono">{shortId(summary.id)}</span></>} after={runChip(summary.state)}
        verdict={<Verdict state={refused ? "bad" : runState(summary.state)}>{run.reason ? headline(run.reason) : refused ? `Succeeded, but ${version?.model}@${version?.number} was refused by gate ${refused.gate}: ${signs(refused.reason[0] ?? "")}` : version ? `${sentence(summary.state)}: ${run.unchanged ? "nothing changed, so it made no new version of" : "it made"} ${version.model}@${version.number}` : sentence(summary.state)}</Verdict>}
        meta={<>{summary.cause} · <Time at={summary.created} /> · steps took {duration(took)}</>}
        actions={<>{isOpen && <button type="button" className="button bad" onClick={() => setCancelling(true)}>Cancel…</button>}{version && <To className="button main" href={`/models/${encodeURIComponent(version.model)}/${version.number}`}>Evidence of v{version.number}</To>}</>} />
      <Steps run={run} />
      <MadeOf run={run} />
      {tracked && <Logged run={tracked} />}
      {isCancelling && <Act title={`Cancel run ${shortId(summary.id)}`} button="Cancel the run" isBad onClose={() => setCancelling(false)} command={() => `kilter runs cancel ${summary.id}`} run={(reason) => post("/api/v1/runs/{id}/cancel", { path: { id: summary.id }, body: { reason: reason || null } })} done="The run is cancelled."><p>The steps that run are ended with their processes; results that are complete stay in the cache.</p></Act>}
    </>
  );
}

export function Steps({ run }: { run: Run }) {
  const [search, change] = useUrlState();
  const chosen = search["step"] ?? run.steps.find((s) => s.state === "failed" || s.state === "refused")?.name ?? null;
  const step = run.steps.find((s) => s.name === chosen);
  const counts = Map.groupBy(run.steps, (s) => s.state);
  return (
    <>
      <Panel title={plural(run.steps.length, "step")} aside={`${[...counts].map(([state, steps]) => `${steps.length} ${state}`).join(" · ")} · drawn in order, not by clock`} flush>
        {run.steps.length === 0 ? <Empty title="Steps are known when the run has ended." /> : <Gantt steps={run.steps.map((s) => ({ name: s.name, ms: s.wall_ms, state: stepStates[s.state], isCached: s.state === "cached" || Boolean(s.made_by), note: s.error ?? s.state }))} chosen={chosen} onChoose={(name) => change({ step: name === chosen ? undefined : name })} duration={duration} glyph={(state) => glyphs[state]} />}
      </Panel>
      {step && (
        <Panel title={step.name} aside={step.made_by ? <>result of run <To href={`/runs/${step.made_by}`}>{shortId(step.made_by)}</To></> : duration(step.wall_ms)}>
          <div className="stack">
            {step.error && <p className="s-bad">✕ {step.error}</p>}
            {Object.keys(step.metrics ?? {}).length > 0 && <Pairs of={Object.entries(step.metrics ?? {}).map(([name, value]) => [name, number(value)])} />}
            {step.has_log ? <Log run={run.summary.id} step={step.name} /> : <p className="mute">This step has no log.</p>}
          </div>
        </Panel>
      )}
    </>
  );
}

function Log({ run, step }: { run: string; step: string }) {
  const log = useQuery(stepLog(run, step));
  const [search, change] = useUrlState();
  const wanted = (search["find"] ?? "").toLowerCase();
  return (
    <Await of={log} rows={4}>
      {({ text }) => {
        const lines = text.split("\n");
        const shown = lines.map((line, index) => ({ line, index })).filter(({ line }) => line.toLowerCase().includes(wanted));
        return (
          <>
            <div className="bar"><input className="search filter" type="search" aria-label="Find in the log" placeholder="Find in the log (/)" value={search["find"] ?? ""} onChange={(e) => change({ find: e.target.value })} /><span className="small mute">{count(shown.length)} of {plural(lines.length, "line")}</span></div>
            <pre className="code fold log" tabIndex={0} aria-label={`Log of ${step}`}>{shown.slice(0, 5000).map(({ line, index }) => <span key={index} id={`L${index + 1}`}><a className="mute" href={`#L${index + 1}`}>{String(index + 1).padStart(4)}</a>  {line}{"\n"}</span>)}</pre>
          </>
        );
      }}
    </Await>
  );
}

type Dataset = { path?: string; digest?: string; rows?: number };
function MadeOf({ run }: { run: Run }) {
  const record = (run.record ?? {}) as { data?: Record<string, Dataset>; commit?: string; params?: Record<string, unknown> };
  return (
    <Panel title="Made from">
      <Pairs of={[
        ...Object.entries(record.data ?? {}).map(([name, d]): [React.ReactNode, React.ReactNode] => [`Data ${name}`, <>{count(d.rows)} rows · <Copy text={d.digest ?? ""}>{short(d.digest)}</Copy> <span className="mute wrap">{d.path}</span></>]),
        ["Code", record.commit ? <Copy key="c" text={record.commit}>{short(record.commit)}</Copy> : <span key="n" className="mute">no commit recorded</span>],
        ["Id", <Copy key="i" text={run.summary.id} />],
      ]} />
    </Panel>
  );
}

function Logged({ run }: { run: TrackedRun }) {
  const [search, change] = useUrlState();
  const metrics = Object.entries(run.metrics);
  const params = Object.entries(run.params);
  if (metrics.length + params.length === 0) return null;
  return (
    <div className="grid half">
      <Panel title={plural(metrics.length, "metric")} aside="the newest point; choose one to draw it" flush>
        {metrics.length === 0 ? <Empty title="No metric was logged." /> : <Table label="Metrics" rows={metrics} id={([name]) => name} columns={[{ key: "name", head: "Metric", by: ([n]) => n, cell: ([n]) => <button type="button" className="link" aria-pressed={search["metric"] === n} onClick={() => change({ metric: n })}>{n}</button> }, { key: "step", head: "Step", right: true, cell: ([, m]) => count(m.step) }, { key: "value", head: "Value", right: true, cell: ([, m]) => number(m.value) }]} />}
        {search["metric"] && <div className="body"><MetricChart runs={[{ id: run.id, name: run.name }]} metric={search["metric"]} /></div>}
      </Panel>
      <Panel title={plural(params.length, "parameter")} aside={run.user ? `logged by ${person(run.user)}` : undefined} flush>
        {params.length === 0 ? <Empty title="No parameter was logged." /> : <Table label="Parameters" rows={params} id={([name]) => name} columns={[{ key: "name", head: "Parameter", by: ([n]) => n, cell: ([n]) => n }, { key: "value", head: "Value", right: true, cell: ([, v]) => v }]} />}
      </Panel>
    </div>
  );
}
