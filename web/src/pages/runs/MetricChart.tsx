import { useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import { metricHistory } from "@/api/queries";
import { Lines } from "@/charts/Lines";
import { Empty, Failure, Skeleton } from "@/parts/basics";
import { useUrlState } from "@/parts/url";
import { count, number } from "@/words/format";

const MAX_LINES = 6;

/** One metric of up to six runs over steps. Every point that was logged is drawn. */
export function MetricChart({ runs, metric }: { runs: { id: string; name: string }[]; metric: string }) {
  const few = runs.slice(0, MAX_LINES);
  const found = useQueries({ queries: few.map((run) => metricHistory(run.id, metric)) });
  const [search, change] = useUrlState();
  const key = found.map((f) => f.dataUpdatedAt).join();
  const drawn = useMemo(() => {
    const steps = [...new Set(found.flatMap((f) => f.data?.map((p) => p.step) ?? []))].sort((a, b) => a - b);
    const series = few.map((run, i) => {
      const by = new Map(found[i]?.data?.map((p) => [p.step, p.value]));
      return { name: run.name, color: `--s${i + 1}`, values: steps.map((s) => by.get(s) ?? null) };
    });
    return { steps, series };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `key` stands for the answers, which are new arrays at every render.
  }, [key, metric]);
  const failed = found.find((f) => f.error);
  if (failed) return <Failure error={failed.error} />;
  if (found.some((f) => f.isPending)) return <Skeleton rows={3} />;
  if (drawn.steps.length < 2) return <Empty title={`${metric} has ${drawn.steps.length === 1 ? "one point" : "no point"}: there is no line to draw.`} />;
  return (
    <>
      <Lines x={drawn.steps} series={drawn.series} isTime={false} isLog={search["y"] === "log"} label={`${metric} over steps`} format={formatAxis} />
      <p className="caption">{drawn.series.map((s) => <span key={s.name} className="key" style={{ color: `var(${s.color})` }}><i /><span className="mute">{s.name}</span></span>)}<span>{count(found.reduce((n, f) => n + (f.data?.length ?? 0), 0))} points, every one drawn</span><button type="button" className="link" onClick={() => change({ y: search["y"] === "log" ? undefined : "log" })}>{search["y"] === "log" ? "linear axis" : "log axis"}</button>{runs.length > few.length && <span>the first {MAX_LINES} of {runs.length} runs</span>}</p>
    </>
  );
}

const formatAxis = (value: number): string => number(value, 3);
