//! Readings as series in time.
import type { Schemas } from "./client";
import type { Reading } from "./queries";

export type Point = { start: string; end: string; value: number | null; low: number | null; high: number | null; count: number; verdict: Reading["verdict"]; isProvisional: boolean; version: number | null };
export type Series = { monitor: Reading["monitor"]; metric: string; part: string | null; rule: string | null; isEstimated: boolean; bound: number | null; points: Point[] };

/** One series per metric, part and kind of estimate, oldest point first; of readings of one window the newest knowledge. */
export function seriesOf(readings: Reading[]): Series[] {
  const found = new Map<string, Series & { seen: Map<string, Reading> }>();
  for (const r of readings) {
    const key = `${r.monitor}|${r.metric}|${r.part ?? ""}|${r.estimated}`;
    const series = found.get(key) ?? { monitor: r.monitor, metric: r.metric, part: r.part ?? null, rule: null, isEstimated: r.estimated, bound: null, points: [], seen: new Map() };
    const known = series.seen.get(r.window_start);
    if (!known || known.as_of < r.as_of) series.seen.set(r.window_start, r);
    series.rule ??= r.rule ?? null;
    series.bound ??= r.bound_low ?? r.bound_high ?? boundOf(r.rule);
    found.set(key, series);
  }
  return [...found.values()].map(({ seen, ...series }) => ({ ...series, points: [...seen.values()].sort((a, b) => a.window_start.localeCompare(b.window_start)).map(point) }));
}

const point = (r: Reading): Point => ({ start: r.window_start, end: r.window_end, value: r.value ?? null, low: r.low ?? null, high: r.high ?? null, count: r.count, verdict: r.verdict, isProvisional: r.provisional, version: r.version ?? null });

/** The number of a rule such as `auc >= 0.68 over 1mo`. */
export function boundOf(rule: string | null | undefined): number | null {
  const found = /(?:>=|<=|>|<)\s*([-+]?\d+(?:\.\d+)?)/.exec(rule ?? "")?.[1];
  return found === undefined ? null : Number(found);
}

/** The series that stands for a model: the first with a rule and values, measured before estimated. */
export function mainSeries(readings: Reading[]): Series | undefined {
  const all = seriesOf(readings).filter((s) => s.part === null && s.points.some((p) => p.value !== null));
  return all.find((s) => s.rule && !s.isEstimated) ?? all.find((s) => s.rule) ?? all.find((s) => !["labelled", "rows"].includes(s.metric));
}

/** The lines of runs over the steps that any of them has. Points that share a step stay beside each other. Where a line has no point, it goes on
 *  (`undefined`); where its value is no number, it has a gap (`null`). */
export function aligned(runs: Schemas["RunSeries"][]): { steps: number[]; lines: (number | null | undefined)[][] } {
  const most = new Map<number, number>();
  const places = runs.map((run) => {
    const seen = new Map<number, number>();
    return run.steps.map((step) => {
      const nth = seen.get(step) ?? 0;
      seen.set(step, nth + 1);
      most.set(step, Math.max(most.get(step) ?? 0, nth + 1));
      return [step, nth] as const;
    });
  });
  const start = new Map<number, number>();
  const steps: number[] = [];
  for (const step of [...most.keys()].sort((a, b) => a - b)) {
    start.set(step, steps.length);
    for (let nth = 0; nth < (most.get(step) ?? 0); nth++) steps.push(step);
  }
  const lines = runs.map((run, i) => {
    const line = new Array<number | null | undefined>(steps.length).fill(undefined);
    places[i]?.forEach(([step, nth], at) => { line[(start.get(step) ?? 0) + nth] = run.values[at] ?? null; });
    return line;
  });
  return { steps, lines };
}
