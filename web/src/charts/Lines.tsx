//! Series over time or steps, drawn by uPlot, which is loaded when the first chart is. Gaps are gaps. One cursor for all charts of a page.
import { useEffect, useRef } from "react";
import type uPlot from "uplot";
import { useWidth } from "./useWidth";

export type LineSeries = { name: string; color: string; values: (number | null | undefined)[]; low?: (number | null)[]; high?: (number | null)[]; isDashed?: boolean; hasDots?: boolean };
type Props = { x: number[]; series: LineSeries[]; bound?: number | null; isTime: boolean; isLog?: boolean; height?: number; label: string; format: (value: number) => string };

const color = (name: string): string => (name.startsWith("--") ? getComputedStyle(document.documentElement).getPropertyValue(name) : name);

export function Lines({ x, series, bound, isTime, isLog, height = 220, label, format }: Props) {
  const [box, width] = useWidth<HTMLDivElement>();
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const place = box.current;
    if (!place || width === 0) return;
    let isGone = false;
    const draw = async (): Promise<void> => {
      const { default: Plot } = await import("uplot");
      if (isGone) return;
      plot.current?.destroy();
      plot.current = new Plot(options(), data() as uPlot.AlignedData, place);
    };
    const hasBand = (s: LineSeries): boolean => s.low !== undefined && s.high !== undefined;
    const data = (): (number | null | undefined)[][] => [x, ...series.flatMap((s) => [s.values, ...(hasBand(s) ? [s.high ?? [], s.low ?? []] : [])]), ...(bound == null ? [] : [x.map(() => bound)])];
    const options = (): uPlot.Options => {
      const [mute, line, panel] = [color("--mute"), color("--line"), color("--panel")];
      const bands: uPlot.Band[] = [];
      const drawn: uPlot.Series[] = [{}];
      for (const s of series) {
        const stroke = color(s.color);
        drawn.push({ label: s.name, stroke, width: 1.5, spanGaps: false, dash: s.isDashed ? [3, 4] : [], points: { show: s.hasDots ?? x.length < 60, size: 6, fill: s.isDashed ? panel : stroke, stroke, width: 1.5 } });
        if (!hasBand(s)) continue;
        bands.push({ series: [drawn.length, drawn.length + 1], fill: `${stroke.trim()}26` });
        drawn.push({ stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } });
      }
      if (bound != null) drawn.push({ label: "limit", stroke: mute, width: 1, dash: [2, 4], points: { show: false } });
      const axis = { stroke: mute, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px Inter Variable, sans-serif" };
      return {
        width, height, series: drawn, bands, legend: { show: false }, cursor: { sync: { key: "kilter" }, points: { size: 7 } }, scales: { x: { time: isTime }, y: isLog ? { distr: 3 } : { range: (_, low, high) => pad(low, high) } },
        axes: [{ ...axis, grid: { show: false }, size: 42, ...(isTime ? { values: (_: uPlot, ticks: number[]) => ticks.map((t) => tick(t, ticks)), space: 70 } : {}) }, { ...axis, size: 56, values: (_, ticks) => ticks.map((t) => (t === null ? "" : format(t))) }],
        hooks: { setCursor: [(u) => showTip(u, series, format, isTime, hasBand)] },
      };
    };
    void draw();
    const onTheme = (): void => void draw();
    window.addEventListener("kilter-theme", onTheme);
    return () => {
      isGone = true;
      window.removeEventListener("kilter-theme", onTheme);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [box, width, x, series, bound, isTime, isLog, height, format]);
  return <div ref={box} className="chart" role="img" aria-label={label} style={{ minHeight: height }} />;
}

const dayAndMonth = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const hourAndMinute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
/** A tick of time, as the rest of the page writes it: a day, or within a day the hour. */
const tick = (at: number, all: number[]): string => ((all[1] ?? Infinity) - (all[0] ?? 0) < 86_400 ? hourAndMinute : dayAndMonth).format(at * 1000);

const pad = (low: number, high: number): [number, number] => {
  const room = (high - low || Math.abs(high) || 1) * 0.08;
  return [low - room, high + room];
};

/** The values under the cursor, written into the chart. */
function showTip(u: uPlot, series: LineSeries[], format: (v: number) => string, isTime: boolean, hasBand: (s: LineSeries) => boolean): void {
  let tip = u.over.querySelector<HTMLElement>(".chart-tip");
  if (!tip) {
    tip = document.createElement("div");
    tip.className = "chart-tip";
    u.over.append(tip);
  }
  const at = u.cursor.idx;
  if (at === null || at === undefined) return void (tip.textContent = "");
  const x = u.data[0][at] ?? 0;
  let row = 1;
  const parts = series.flatMap((s) => {
    const value = u.data[row]?.[at];
    row += hasBand(s) ? 3 : 1;
    return value === null || value === undefined ? [] : [`${s.name} ${format(value)}`];
  });
  tip.textContent = [isTime ? new Date(x * 1000).toISOString().slice(0, 10) : `step ${x}`, ...parts].join(" · ");
}
