import { useQuery } from "@tanstack/react-query";
import type { Schemas } from "@/api/client";
import { comparison, type Deployment, type EndpointStatus } from "@/api/queries";
import type { State } from "@/api/loop";
import { Difference } from "@/charts/Difference";
import { Await, Chip, Pairs, Panel, Time } from "@/parts/basics";
import { count, interval, number, plural, sentence } from "@/words/format";

type Comparison = Schemas["Comparison"];
type Metric = Schemas["MetricComparison"];
const isLowerBetter: Record<Metric["metric"], boolean> = { loss: true, latency: true, error_rate: true, label: false, score: false };
/** Only these say better or worse; the others say different. */
const hasDirection = new Set<Metric["metric"]>(["loss", "latency", "error_rate"]);
const metricName: Record<Metric["metric"], string> = { loss: "Mean loss", label: "Share of positive labels", score: "Mean score", latency: "Latency, ratio", error_rate: "First requests it failed" };
const resultState: Record<NonNullable<Comparison["result"]>, State> = { not_enough_data: "thin", undecided: "wait", better: "ok", worse: "bad", mismatch: "bad" };

/** What is on its way beside what is live: the traffic, and each metric with an interval that holds at any time. */
export function Rollout({ status, live, candidate }: { status: EndpointStatus; live: Deployment; candidate: Deployment }) {
  const found = useQuery(comparison(status.name));
  const share = candidate.state === "canary" ? (candidate.canary_percent ?? 0) : 0;
  return (
    <div className="grid two">
      <Panel title={`v${candidate.version} beside v${live.version}`} aside="intervals hold at all times at once: looking often is safe" flush>
        <div>
          {candidate.state === "canary" && (
            <div className="body"><div className="traffic" role="img" aria-label={`v${live.version} answers ${100 - share} percent, v${candidate.version} ${share} percent`}>
              <span style={{ flex: 100 - share, background: "color-mix(in srgb, var(--s1) 20%, var(--panel))" }}>v{live.version} {100 - share} %</span>
              <span style={{ flex: share, background: "color-mix(in srgb, var(--s2) 26%, var(--panel))" }}>v{candidate.version} {share} %</span>
            </div></div>
          )}
          <Await of={found}>{(c) => <Metrics of={c} />}</Await>
        </div>
      </Panel>
      <div className="stack">
        <Await of={found} rows={3}>
          {(c) => (
            <Panel title="Decision">
              <Pairs of={[
                ["Since", <Time key="t" at={c.since} />],
                ["Rule", c.result === undefined || c.result === null ? "the rollout of the contract" : "an experiment of the contract"],
                ["Result", c.result ? <Chip key="r" state={resultState[c.result]}>{sentence(c.result)}</Chip> : <span key="r" className="mute">not decided by an experiment</span>],
                ...(c.is_over ? [["Time", <Chip key="o" state="warn">Longer than planned</Chip>] as [string, React.ReactNode]] : []),
                ...(status.waits ? [["Waits for", status.waits.reason] as [string, React.ReactNode], ["Command", <code key="c">{status.waits.command}</code>] as [string, React.ReactNode]] : []),
              ]} />
            </Panel>
          )}
        </Await>
        <Await of={found} rows={3}>{(c) => c.sample_ratio ? <Split of={c.sample_ratio} /> : null}</Await>
      </div>
    </div>
  );
}

function Split({ of }: { of: NonNullable<Comparison["sample_ratio"]> }) {
  const all = of.champion_entities + of.candidate_entities;
  return (
    <Panel title="Split of the traffic" aside={all === 0 ? <Chip state="thin">No entity yet</Chip> : of.is_mismatch ? <Chip state="bad">Mismatch</Chip> : <Chip state="ok">As set</Chip>}>
      <Pairs of={[["Set", `${of.percent} %`], ["Came", all === 0 ? "–" : `${number((of.candidate_entities / all) * 100, 3)} % of ${count(all)} entities`], ["p-value", all === 0 ? "–" : number(of.p_value)]]} />
      {of.is_mismatch && <p className="s-bad">✕ The versions did not receive their shares: nothing that is compared counts.</p>}
    </Panel>
  );
}

function Metrics({ of }: { of: Comparison }) {
  return (
    <div className="table">
      <table aria-label="Candidate minus live">
        <thead><tr><th scope="col">Metric</th><th scope="col" className="right">Difference</th><th scope="col">Interval</th><th scope="col">Says</th></tr></thead>
        <tbody>{of.metrics.map((m) => <MetricRow key={m.metric} metric={m} />)}</tbody>
      </table>
    </div>
  );
}

function MetricRow({ metric: m }: { metric: Metric }) {
  const zero = m.metric === "latency" ? 1 : 0;
  if (m.difference === null || m.difference === undefined) return <tr><td className="strong">{metricName[m.metric]}</td><td colSpan={2} className="mute">{m.missing}</td><td><Chip state="thin">Not enough data</Chip></td></tr>;
  const [low, high] = [m.low ?? null, m.high ?? null];
  const isSure = low !== null && high !== null && (low > zero || high < zero);
  const isBetter = isLowerBetter[m.metric] === m.difference < zero;
  const state: State = !isSure ? "wait" : !hasDirection.has(m.metric) ? "warn" : isBetter ? "ok" : "bad";
  const word = !isSure ? "No difference shown" : !hasDirection.has(m.metric) ? "Different" : isBetter ? "Better" : "Worse";
  const label = `${metricName[m.metric]}: ${interval(m.difference, low, high)}`;
  return (
    <tr>
      <td><span className="strong">{metricName[m.metric]}</span><br /><span className="small mute">{plural(m.count ?? 0, "value")}</span></td>
      <td className="right nowrap">{number(m.difference)}<br /><span className="small mute">{number(low)} to {number(high)}</span></td>
      <td><Difference value={m.difference} low={low} high={high} zero={zero} isLowerBetter={isLowerBetter[m.metric]} label={label} /></td>
      <td><Chip state={state}>{word}</Chip></td>
    </tr>
  );
}
