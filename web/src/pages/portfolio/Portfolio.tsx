import { useQueries, useQuery } from "@tanstack/react-query";
import { Sparkline } from "@/charts/Sparkline";
import { type ModelFacts, alertState, attentionRank, glyphs, loopOf, loopText } from "@/api/loop";
import { asOf, type InboxItem, inbox, readings, whoami } from "@/api/queries";
import { Await, Chip, Empty, Figure, Head, Mark, Panel, Time, To, Verdict } from "@/parts/basics";
import { Menu } from "@/parts/overlay";
import { type Column, Table } from "@/parts/Table";
import { useUrlState } from "@/parts/url";
import { download, toCsv } from "@/parts/download";
import { day, interval, person, plural, signs } from "@/words/format";
import { words } from "@/words/words";
import { mainSeries, type Series } from "@/api/series";
import { useFacts } from "./useFacts";

type Row = ModelFacts & { loop: ReturnType<typeof loopOf>; series: Series | undefined };
const lenses = [["all", "All"], ["mine", "Mine"], ["call", "On call"], ["review", "To review"]] as const;
const riskOf: Record<string, number> = { high: 0, medium: 1, low: 2 };

export function Portfolio() {
  const [search, change] = useUrlState();
  const facts = useFacts();
  const me = useQuery(whoami).data?.actor;
  const waiting = useQuery(inbox).data?.items ?? [];
  const trends = useQueries({ queries: (facts.data ?? []).flatMap((f) => f.endpoints.slice(0, 1)).map((e) => readings(e.name, { monitor: "performance" }, 400)) });
  const endpoints = (facts.data ?? []).flatMap((f) => f.endpoints.slice(0, 1)).map((e) => e.name);
  if (search["asof"]) return <AsOfPage at={search["asof"]} onNow={() => change({ asof: undefined })} />;
  const seriesOf = (f: ModelFacts): Series | undefined => mainSeries(trends[endpoints.indexOf(f.endpoints[0]?.name ?? "")]?.data?.items ?? []);
  return (
    <Await of={facts}>
      {(all) => {
        const rows: Row[] = all.map((f) => ({ ...f, loop: loopOf(f), series: seriesOf(f) }));
        if (rows.length === 0) return <FirstSteps />;
        const shown = rows.filter((row) => isShown(row, search, me, waiting)).sort((a, b) => attentionRank(a.loop) - attentionRank(b.loop) || (riskOf[a.inventory?.risk ?? ""] ?? 3) - (riskOf[b.inventory?.risk ?? ""] ?? 3));
        return (
          <>
            <Head title="Portfolio" verdict={<Summary rows={rows} waiting={waiting} />} actions={<Exports rows={shown} asOf={() => change({ asof: new Date().toISOString().slice(0, 16) + "Z" }, { push: true })} />} />
            <div className="bar">
              <div className="pills" role="group" aria-label="Lens">{lenses.map(([key, name]) => <button key={key} type="button" className="pill" aria-pressed={(search["lens"] ?? "all") === key} onClick={() => change({ lens: key === "all" ? undefined : key })}>{name}</button>)}</div>
              <input className="search filter" type="search" placeholder="Filter models (/)" aria-label="Filter models" value={search["q"] ?? ""} onChange={(event) => change({ q: event.target.value })} />
            </div>
            <Figures rows={rows} waiting={waiting} />
            {shown.length === 0 ? <Panel><Empty title="No model is in this view." /></Panel> : <Table label="Models" rows={shown} columns={columns} id={(row) => row.model.name} href={(row) => `/models/${encodeURIComponent(row.model.name)}`} tall />}
          </>
        );
      }}
    </Await>
  );
}

function isShown(row: Row, search: Record<string, string | undefined>, me: string | undefined, waiting: InboxItem[]): boolean {
  if (search["q"] && !`${row.model.name} ${row.model.project} ${row.inventory?.owner ?? ""}`.toLowerCase().includes(search["q"].toLowerCase())) return false;
  if (search["lens"] === "mine") return row.inventory?.owner === me;
  if (search["lens"] === "call") return row.alerts.length > 0 || row.endpoints.some((e) => e.candidate);
  if (search["lens"] === "review") return waiting.some((item) => item.project === row.model.project);
  return true;
}

function Summary({ rows, waiting }: { rows: Row[]; waiting: InboxItem[] }) {
  const met = rows.filter((row) => row.loop[0]?.state === "ok").length;
  const mine = waiting.filter((item) => item.is_mine).length;
  const worst = rows.some((row) => row.loop[4]?.state === "bad") ? "bad" : mine > 0 ? "wait" : rows.some((row) => row.loop[4]?.state === "warn") ? "warn" : "ok";
  return <Verdict state={worst}>{plural(rows.length, "model")} · {met} {met === 1 ? "meets its" : "meet their"} objective · {mine === 0 ? "nothing waits for you" : `${plural(mine, "decision")} of yours ${mine === 1 ? "is" : "are"} waited for`}</Verdict>;
}

function Figures({ rows, waiting }: { rows: Row[]; waiting: InboxItem[] }) {
  const canaries = rows.flatMap((r) => r.endpoints).filter((e) => e.candidate?.state === "canary").length;
  const open = rows.reduce((sum, row) => sum + row.alerts.length, 0);
  return (
    <div className="figures">
      <Figure value={rows.filter((r) => r.loop[0]?.state === "ok").length} unit={`of ${rows.length}`} label="objectives met" href="/objectives" />
      <Figure value={rows.filter((r) => r.endpoints.some((e) => e.live)).length} unit={`of ${rows.length}`} label="models live" href="/deployments" />
      <Figure value={canaries} label={canaries === 1 ? "canary running" : "canaries running"} href="/deployments" />
      <Figure value={open} label={open === 1 ? "open alert" : "open alerts"} href="/inbox" />
      <Figure value={waiting.length} label={waiting.length === 1 ? "decision waited for" : "decisions waited for"} href="/inbox" />
    </div>
  );
}

const columns: Column<Row>[] = [
  { key: "model", head: "Model", by: (r) => r.model.name, cell: (r) => <>{r.model.name}<span className="sub">{person(r.inventory?.owner)} · {r.inventory?.risk ?? "–"} risk</span></> },
  { key: "objective", head: "Objective", cell: (r) => <Objective row={r} /> },
  { key: "now", head: "Measured last", cell: (r) => <Newest series={r.series} /> },
  { key: "loop", head: "Loop", by: (r) => attentionRank(r.loop), cell: (r) => <Mark loop={r.loop} /> },
  { key: "live", head: "Live", cell: (r) => <Live row={r} /> },
  { key: "trend", head: "Trend", cell: (r) => r.series && <Sparkline values={r.series.points.map((p) => p.value)} bound={r.series.bound} label={`${r.series.metric}, ${plural(r.series.points.length, "window")}, newest ${day(r.series.points.at(-1)?.end)}`} /> },
  { key: "attention", head: "Attention", cell: (r) => <Attention row={r} /> },
];

function Objective({ row }: { row: Row }) {
  const first = row.objectives?.[0];
  if (!first) return <span className="mute">{row.objectives ? "none stated" : "–"}</span>;
  return <>{first.kpi ?? first.name}<span className="sub num">{signs(first.target ?? "no target")}{first.readings[0]?.value != null && ` · now ${interval(first.readings[0].value, null, null)}`}</span></>;
}

function Newest({ series }: { series: Series | undefined }) {
  const newest = series?.points.findLast((point) => point.value !== null);
  if (!series || !newest) return <span className="mute">–</span>;
  return <span className="num">{interval(newest.value, newest.low, newest.high)}<span className="sub">{series.metric}{series.rule ? `, ${signs(series.rule.replace(series.metric, "").trim())}` : ""}</span></span>;
}

function Live({ row }: { row: Row }) {
  const lines = row.endpoints.filter((e) => e.live || e.candidate);
  if (lines.length === 0) return <span className="mute">–</span>;
  return <span className="num nowrap">{lines.map((e) => <span key={e.name} style={{ display: "block" }}>{e.live ? `v${e.live.version}` : "–"}{e.candidate && <span className="sub">v{e.candidate.version} {e.candidate.state}{e.candidate.canary_percent ? ` ${e.candidate.canary_percent} %` : ""}</span>}</span>)}</span>;
}

function Attention({ row }: { row: Row }) {
  const alert = row.alerts[0];
  const isLive = row.endpoints.some((e) => e.live);
  const finding = row.inventory?.findings.find((text) => !text.includes("open alert"));
  if (alert) return <To href={`/monitors/${encodeURIComponent(alert.endpoint)}?alert=${alert.id}`} className={`s-${alertState(alert)}`}><span className="nowrap">{glyphs[alertState(alert)]} {alert.kind.replaceAll("_", " ")}: {alert.detail.columns[0] ?? alert.subject ?? alert.endpoint}</span><span className="sub"><Time at={alert.fired ?? alert.opened} /></span></To>;
  if (finding) return <span className={isLive ? "s-warn" : "mute"}>{isLive ? "▲ " : ""}{finding}</span>;
  return <Chip state={isLive ? "ok" : "none"}>{isLive ? "Healthy" : "Not live"}</Chip>;
}

function Exports({ rows, asOf }: { rows: Row[]; asOf: () => void }) {
  const table = rows.map((r) => ({ model: r.model.name, project: r.model.project, owner: r.inventory?.owner ?? "", risk: r.inventory?.risk ?? "", loop: loopText(r.loop), live: r.endpoints.flatMap((e) => (e.live ? [`v${e.live.version}`] : [])).join(" "), open_alerts: r.alerts.length }));
  return (
    <>
      <button type="button" className="button" onClick={asOf} data-tip="What was live at a moment of the past?">As of…</button>
      <Menu actions={[{ name: "Inventory as CSV", run: () => download("inventory.csv", toCsv(table)) }, { name: "Inventory as JSON", run: () => download("inventory.json", JSON.stringify(table, null, 2)) }, { name: "Print", run: () => window.print() }]} />
    </>
  );
}

function AsOfPage({ at, onNow }: { at: string; onNow: () => void }) {
  const [, change] = useUrlState();
  const found = useQuery(asOf(at));
  return (
    <>
      <Head title="Portfolio" actions={<input type="datetime-local" aria-label="As of (UTC)" value={at.slice(0, 16)} onChange={(event) => event.target.value && change({ asof: `${event.target.value}Z` })} />} />
      <p className="frame"><strong>▲ As of {at.replace("T", " ").replace("Z", " UTC")}: what served then, as the audit log has it.</strong> <button type="button" className="link" onClick={onNow}>{words.asOfNow}</button></p>
      <Await of={found}>
        {({ endpoints }) => endpoints.every((e) => e.serving.length === 0) ? <Panel><Empty title="Nothing served at that moment." /></Panel> : (
          <Table label="What served" tall id={(row) => row.deployment} rows={endpoints.flatMap((e) => e.serving.map((s) => ({ ...s, endpoint: e.name })))} href={(row) => `/models/${encodeURIComponent(row.version.model)}/${row.version.number}`}
            columns={[
              { key: "version", head: "Version", cell: (s) => `${s.version.model}@${s.version.number}` },
              { key: "endpoint", head: "Endpoint", cell: (s) => s.endpoint },
              { key: "stage", head: "Stage", cell: (s) => <Chip state={s.stage === "live" ? "ok" : "wait"}>{s.stage} {s.share_percent} %</Chip> },
              { key: "since", head: "Since", cell: (s) => <Time at={s.since} /> },
              { key: "by", head: "Asked for by", cell: (s) => <>{person(s.requested_by)}<span className="sub">{s.reason}</span></> },
              { key: "entries", head: "Entries", right: true, cell: (s) => s.entries.length },
            ]} />
        )}
      </Await>
    </>
  );
}

function FirstSteps() {
  return (
    <>
      <Head title="Portfolio" />
      <Panel>
        <Empty title="No model yet. Three ways to begin:">
          <pre className="code">{`kilter demo                        # a year of a shop, replayed\nkilter init --from YOUR_DATA.csv   # a project of your own\nexport MLFLOW_TRACKING_URI=${location.origin}   # what you have logs here`}</pre>
        </Empty>
      </Panel>
    </>
  );
}
