//! What the timeline of a model shows, from deployments, readings, alerts and runs.
import type { Alert, Deployment, Model, RunSummary } from "@/api/queries";
import type { Series } from "@/api/series";
import type { Event, Lanes, Line } from "@/charts/Timeline";

type Known = { model: Model; deployments: Deployment[]; alerts: Alert[]; runs: RunSummary[]; series: Series[] };

export function lanesOf({ model, deployments, alerts, runs, series }: Known): Lanes & { metric: string | null } {
  const href = `/models/${encodeURIComponent(model.name)}`;
  const own = deployments.filter((d) => d.model === model.name);
  const bars = own.filter((d) => d.live_since).sort((a, b) => a.version - b.version).map((d, index) => ({
    from: Date.parse(d.live_since ?? ""), to: d.live_until ? Date.parse(d.live_until) : null, text: `v${d.version}`, href: `${href}/${d.version}`, tint: index % 2 === 0 ? "var(--s1)" : "var(--s2)",
  }));
  const main = mainSeriesOf(series);
  const lines: Line[] = main.map((s) => ({
    name: s.isEstimated ? "estimated" : "realised", color: "var(--s1)", isDashed: s.isEstimated, bound: s.isEstimated ? null : s.bound,
    dots: s.points.map((p) => ({ at: (Date.parse(p.start) + Date.parse(p.end)) / 2, value: p.value, low: p.low, high: p.high, isProvisional: p.isProvisional })),
  }));
  const events: Event[] = [
    ...alerts.filter((a) => a.fired).map((a) => ({ at: Date.parse(a.fired ?? ""), glyph: "▲", color: "var(--warn)", text: `${a.kind.replaceAll("_", " ")} alert: ${a.detail.columns.join(", ") || (a.subject ?? a.endpoint)}`, href: `/monitors/${encodeURIComponent(a.endpoint)}?alert=${a.id}` })),
    ...model.versions.map((v) => v.state === "rejected" ? { at: Date.parse(v.created), glyph: "✕", color: "var(--bad)", text: `v${v.number} refused by its gate`, href: `${href}/${v.number}` } : { at: Date.parse(v.created), glyph: "✓", color: "var(--ok)", text: `v${v.number} registered, ${v.state}`, href: `${href}/${v.number}` }),
    ...runs.filter((r) => r.state === "failed" || r.state === "refused").map((r) => ({ at: Date.parse(r.created), glyph: "⟳", color: "var(--bad)", text: `run ${r.state}: ${r.cause}`, href: `/runs/${r.id}` })),
    ...own.filter((d) => d.state === "rolled_back").map((d) => ({ at: Date.parse(d.live_until ?? d.created), glyph: "⮌", color: "var(--bad)", text: `v${d.version} rolled back`, href: `/deployments/${encodeURIComponent(d.endpoint)}` })),
    ...own.filter((d) => d.state === "canary" || d.state === "shadow").map((d) => ({ at: Date.parse(d.created), glyph: "◆", color: "var(--wait)", text: `v${d.version} in ${d.state}`, href: `/deployments/${encodeURIComponent(d.endpoint)}` })),
  ];
  return { bars, lines, events, metric: main[0]?.metric ?? null };
}

function mainSeriesOf(all: Series[]): Series[] {
  const wanted = all.filter((s) => s.part === null && s.points.some((p) => p.value !== null));
  const realised = wanted.find((s) => s.rule && !s.isEstimated) ?? wanted.find((s) => !s.isEstimated && !["labelled", "rows"].includes(s.metric));
  const estimated = wanted.find((s) => s.isEstimated && (!realised || s.metric.includes(realised.metric)));
  return [realised, estimated].filter((s): s is Series => s !== undefined);
}

const DAY = 86_400_000;
/** The time in which something was measured, and the time of everything. */
export function rangeOf(lanes: Lanes, now: number): { main: [number, number]; all: [number, number] } {
  const dots = lanes.lines.flatMap((l) => l.dots.map((d) => d.at));
  const everything = [...dots, ...lanes.events.map((e) => e.at), ...lanes.bars.flatMap((b) => [b.from, b.to ?? now])];
  if (everything.length === 0) return { main: [now - 30 * DAY, now], all: [now - 30 * DAY, now] };
  const all: [number, number] = [Math.min(...everything), Math.max(...everything)];
  const pad = (low: number, high: number): [number, number] => [low - (high - low || DAY) * 0.04, high + (high - low || DAY) * 0.04];
  const core = dots.length > 1 ? [Math.min(...dots), Math.max(...dots)] as const : all;
  const isMostlyCore = core[1] - core[0] > 0.3 * (all[1] - all[0]);
  return { main: isMostlyCore ? pad(...all) : pad(Math.min(core[0], ...lanes.bars.map((b) => b.from).filter((at) => at > core[0] - 90 * DAY)), core[1]), all: pad(...all) };
}

