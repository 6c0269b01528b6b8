import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { ApiError } from "@/api/client";
import { alertState, type State } from "@/api/loop";
import { alerts, endpoint as endpointQuery, latestReadings, type MonitorKind, type Reading } from "@/api/queries";
import { AlertDetail } from "@/parts/AlertDetail";
import { Await, Chip, Empty, Head, Panel, Time, To, Verdict } from "@/parts/basics";
import { Table } from "@/parts/Table";
import { useUrlState } from "@/parts/url";
import { NotFound } from "@/pages/NotFound";
import { count, day, headline, interval, signs } from "@/words/format";
import { Drift } from "./Drift";
import { Performance } from "./Performance";

const tabs = [["overview", "Overview"], ["performance", "Performance"], ["drift", "Drift"], ["bias", "Bias"], ["usage", "Usage"], ["data", "Data"]] as const;
const verdictState: Record<string, State> = { passed: "ok", failed: "bad", undecided: "thin" };

export function MonitorPage() {
  const { endpoint = "", tab = "overview" } = useParams({ strict: false });
  const found = useQuery(endpointQuery(endpoint));
  const open = useQuery(alerts(true)).data?.items.filter((a) => a.endpoint === endpoint) ?? [];
  const past = useQuery(alerts(false)).data?.items.filter((a) => a.endpoint === endpoint) ?? [];
  const latest = useQuery(latestReadings(endpoint));
  const [search] = useUrlState();
  if (!tabs.some(([key]) => key === tab) || (found.error instanceof ApiError && found.error.problem.status === 404)) return <NotFound />;
  const shown = search["alert"] ? past.find((a) => a.id === search["alert"]) : open[0];
  const worst = open.find((a) => alertState(a) === "bad") ?? open[0];
  const isUnmeasured = latest.data !== undefined && latest.data.items.every((r) => r.value == null || r.count === 0);
  return (
    <>
      <Head title={endpoint} after={<span className="mute">monitor</span>} meta={<>{found.data?.live && <To href={`/models/${encodeURIComponent(found.data.live.model)}/${found.data.live.version}`}>{found.data.live.model}@{found.data.live.version}</To>} <To href={`/deployments/${encodeURIComponent(endpoint)}`}>deployment</To></>}
        verdict={worst ? <Verdict state={alertState(worst)}>{alertState(worst) === "bad" ? "Breached" : "At risk"}: {headline(worst.detail.text)}; {signs(worst.detail.explanation?.split("next: ")[1] ?? "look at the columns below")}</Verdict> : <Verdict state={isUnmeasured ? "thin" : "ok"}>{isUnmeasured ? "Not enough data: nothing was measured in the newest windows" : "No alert: every rule that could be decided holds"}</Verdict>} />
      <nav className="tabs" aria-label="Kinds of monitors">{tabs.map(([key, name]) => <Link key={key} to={(key === "overview" ? `/monitors/${encodeURIComponent(endpoint)}` : `/monitors/${encodeURIComponent(endpoint)}/${key}`) as never} aria-current={tab === key ? "page" : undefined}>{name}</Link>)}</nav>
      {(tab === "overview" || tab === "performance") && <Performance endpoint={endpoint} alerts={past} />}
      {(tab === "overview" || tab === "drift") && <Drift endpoint={endpoint} />}
      {tab === "overview" && shown && <AlertDetail alert={shown} isAtMonitor />}
      {tab !== "overview" && <Latest endpoint={endpoint} kind={tab as MonitorKind} />}
      {tab === "overview" && past.length > 0 && (
        <Panel title="Alerts" aside="newest first" flush>
          <Table label="Alerts" rows={past} id={(a) => a.id} href={(a) => `/monitors/${encodeURIComponent(endpoint)}?alert=${a.id}`} isCurrent={(a) => a.id === shown?.id} columns={[
            { key: "kind", head: "Kind", cell: (a) => a.kind.replaceAll("_", " ") },
            { key: "state", head: "State", cell: (a) => <Chip state={alertState(a)}>{a.state}</Chip> },
            { key: "opened", head: "Opened", cell: (a) => <Time at={a.opened} /> },
            { key: "resolved", head: "Over", cell: (a) => <Time at={a.resolved} /> },
            { key: "text", head: "What", clip: true, cell: (a) => <span className="mute">{headline(a.detail.text)}</span> },
          ]} />
        </Panel>
      )}
    </>
  );
}

function Latest({ endpoint, kind }: { endpoint: string; kind: MonitorKind }) {
  const latest = useQuery(latestReadings(endpoint));
  return (
    <Panel title="Newest readings" aside="one row a metric; not measured is never zero" flush>
      <Await of={latest}>
        {({ items }) => {
          const rows = items.filter((r) => r.monitor === kind);
          return rows.length === 0 ? <Empty title="The contract has no such monitor.">Rules are written in the contract of the project.</Empty> : <Table label="Newest readings" rows={rows} id={(r) => `${r.metric}${r.part ?? ""}${r.estimated}`} columns={[
            { key: "metric", head: "Metric", by: (r) => r.metric, cell: (r) => <>{r.metric}{r.part ? ` ${r.part}` : ""}</> },
            { key: "rule", head: "Rule", cell: (r) => r.rule ? <span data-tip={r.default_rule ? "A default: the contract states no rule about it" : undefined}>{signs(r.rule)}{r.default_rule ? <span className="mute"> default</span> : ""}</span> : <span className="mute">none</span> },
            { key: "value", head: "Value", right: true, by: (r) => r.value, cell: (r) => interval(r.value, r.low, r.high) },
            { key: "count", head: "Rows", right: true, by: (r) => r.count, cell: (r) => count(r.count) },
            { key: "verdict", head: "Verdict", cell: (r) => <ReadingChip reading={r} /> },
            { key: "window", head: "Window", cell: (r) => <span className="nowrap">{day(r.window_start)}</span> },
          ]} />;
        }}
      </Await>
    </Panel>
  );
}

function ReadingChip({ reading }: { reading: Reading }) {
  if (!reading.verdict) return <span className="mute">–</span>;
  const word = { passed: "Holds", failed: "Breached", undecided: reading.value == null ? "Not measured" : "Undecided" }[reading.verdict];
  return <Chip state={verdictState[reading.verdict] ?? "none"} tip={reading.reason ? signs(reading.reason) : undefined}>{word}</Chip>;
}
