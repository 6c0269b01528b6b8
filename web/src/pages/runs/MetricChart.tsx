import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { metricSeries } from "@/api/queries";
import { Lines } from "@/charts/Lines";
import { useWidth } from "@/charts/useWidth";
import { Copy, Empty, Failure, Skeleton } from "@/parts/basics";
import { useUrlState } from "@/parts/url";
import { number } from "@/words/format";

const MAX_LINES = 6;

/** One metric of up to six runs over steps, reduced by the server to the pixels that there are; it says so below the chart. */
export function MetricChart({ runs, metric }: { runs: { id: string; name: string }[]; metric: string }) {
  const few = runs.slice(0, MAX_LINES);
  const [box, width] = useWidth<HTMLDivElement>();
  const ids = few.map((run) => run.id);
  // Four points a pixel; steps of 400, so that a window that is drawn larger asks a few times and not each time.
  const points = Math.min(10_000, Math.ceil(Math.max(width, 400) / 100) * 400);
  const found = useQuery({ ...metricSeries(ids, metric, points), placeholderData: (before) => before });
  const [search, change] = useUrlState();
  const { data } = found;
  const drawn = useMemo(() => {
    const steps = [...new Set(data?.series.flatMap((run) => run.steps) ?? [])].sort((a, b) => a - b);
    const series = (data?.series ?? []).map((run, i) => {
      const by = new Map(run.steps.map((step, at) => [step, run.values[at] ?? null]));
      return { name: few[i]?.name ?? run.id, color: `--s${i + 1}`, values: steps.map((s) => by.get(s) ?? null) };
    });
    return { steps, series };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the names go with the answer.
  }, [data]);
  return (
    <div ref={box}>
      {found.error ? <Failure error={found.error} /> : !data ? <Skeleton rows={3} /> : drawn.steps.length < 2 ? <Empty title={`${metric} has ${drawn.steps.length === 1 ? "one point" : "no point"}: there is no line to draw.`} /> : (
        <>
          <Lines x={drawn.steps} series={drawn.series} isTime={false} isLog={search["y"] === "log"} label={`${metric} over steps`} format={formatAxis} />
          <p className="caption">{drawn.series.map((s) => <span key={s.name} className="key" style={{ color: `var(${s.color})` }}><i /><span className="mute">{s.name}</span></span>)}<span>{data.caption}</span><button type="button" className="link" onClick={() => change({ y: search["y"] === "log" ? undefined : "log" })}>{search["y"] === "log" ? "linear axis" : "log axis"}</button><Copy text={python(ids, metric)}>copy as Python</Copy>{runs.length > few.length && <span>the first {MAX_LINES} of {runs.length} runs</span>}</p>
        </>
      )}
    </div>
  );
}

/** What loads the same points in Python: every one of them, by the client of MLflow. */
const python = (ids: string[], metric: string): string => `from mlflow import MlflowClient

client = MlflowClient("${location.origin}")
series = {run: client.get_metric_history(run, ${JSON.stringify(metric)}) for run in ${JSON.stringify(ids)}}`;

const formatAxis = (value: number): string => number(value, 3);
