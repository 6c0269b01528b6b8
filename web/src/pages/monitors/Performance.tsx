import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { Alert } from "@/api/queries";
import { readings } from "@/api/queries";
import { type Series, seriesOf } from "@/api/series";
import { Lines, type LineSeries } from "@/charts/Lines";
import { Await, Chip, Empty, Panel } from "@/parts/basics";
import { useUrlState } from "@/parts/url";
import { day, number, plural, signs } from "@/words/format";

/** Metrics of labelled rows, and what is estimated without labels: realised solid, estimated hollow and dashed. */
export function Performance({ endpoint, alerts }: { endpoint: string; alerts: Alert[] }) {
  const found = useQuery(readings(endpoint, { monitor: "performance" }, 2000));
  return <Await of={found}>{({ items, isCut }) => <Charts all={seriesOf(items)} isCut={isCut} alerts={alerts} />}</Await>;
}

function Charts({ all, isCut, alerts }: { all: Series[]; isCut: boolean; alerts: Alert[] }) {
  const [search, change] = useUrlState();
  const measured = all.filter((s) => s.points.some((p) => p.value !== null) && s.metric !== "labelled");
  const names = [...new Set(measured.map((s) => plainName(s.metric)))];
  const chosen = search["metric"] && names.includes(search["metric"]) ? search["metric"] : names[0];
  const shown = measured.filter((s) => plainName(s.metric) === chosen);
  if (chosen === undefined) return <Panel title="Performance"><Empty title="Nothing was measured yet.">Monitors were made from the training profile; they fill when labels come.</Empty></Panel>;
  const rule = shown.find((s) => s.rule)?.rule;
  const provisional = incompleteFrom(shown.find((s) => !s.isEstimated));
  const performance = alerts.filter((a) => a.monitor === "performance" && a.state !== "resolved").length;
  return (
    <Panel title="Performance" aside={<span className="line">{names.map((name) => <button key={name} type="button" className="pill" aria-pressed={name === chosen} onClick={() => change({ metric: name === names[0] ? undefined : name })}>{name}</button>)}{performance > 0 && <Chip state="bad">{plural(performance, "open alert")}</Chip>}</span>}>
      <Chart series={shown} label={`${chosen} by window${rule ? `, rule ${signs(rule)}` : ""}`} />
      <p className="caption">
        {shown.map((s) => <span key={s.metric} className="key" style={{ color: "var(--s1)" }}><i className={s.isEstimated ? "dash" : ""} /><span className="mute">{s.isEstimated ? "estimated, without labels" : "realised, with 95 % interval"}</span></span>)}
        {rule && <span>┄ rule {signs(rule)}</span>}
        {provisional && <span>labels incomplete from {day(provisional)}</span>}
        <span>every window drawn{isCut ? ", the newest 2 000 readings" : ""}; a gap is a window that was not measured</span>
      </p>
    </Panel>
  );
}

/** Where the newest windows begin whose labels are not all there. */
function incompleteFrom(series: Series | undefined): string | undefined {
  const points = (series?.points ?? []).filter((p) => p.count > 0);
  const complete = points.findLastIndex((p) => !p.isProvisional);
  return points[complete + 1]?.start;
}

const plainName = (metric: string): string => /^estimated\((.+)\)$/.exec(metric)?.[1] ?? metric;

function Chart({ series, label }: { series: Series[]; label: string }) {
  const drawn = useMemo(() => {
    const known = series.flatMap((s) => s.points.filter((p) => p.value !== null));
    const [first, last] = [known.map((p) => p.start).sort()[0] ?? "", known.map((p) => p.start).sort().at(-1) ?? ""];
    const starts = [...new Set(series.flatMap((s) => s.points.map((p) => p.start)))].filter((s) => s >= first && s <= last).sort();
    const lines = series.map((s): LineSeries => {
      const by = new Map(s.points.map((p) => [p.start, p]));
      const of = (pick: "value" | "low" | "high") => starts.map((start) => by.get(start)?.[pick] ?? null);
      return { name: s.isEstimated ? "estimated" : s.metric, color: "--s1", values: of("value"), low: of("low"), high: of("high"), isDashed: s.isEstimated };
    });
    return { x: starts.map((s) => Date.parse(s) / 1000), lines, bound: series.find((s) => !s.isEstimated)?.bound ?? null };
  }, [series]);
  return <Lines x={drawn.x} series={drawn.lines} bound={drawn.bound} isTime label={label} format={formatAxis} />;
}

const formatAxis = (value: number): string => number(value, 3);
