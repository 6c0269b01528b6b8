import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { metricSeries } from "@/api/queries";
import { aligned } from "@/api/series";
import { Lines } from "@/charts/Lines";
import { Copy, Empty, Failure, Skeleton } from "@/parts/basics";
import { useUrlState } from "@/parts/url";
import { number } from "@/words/format";

const MAX_LINES = 6;

/** Points of all lines together: an answer of 60 kB. */
const MAX_POINTS = 2_400;

/** One metric of up to six runs over steps, reduced by the server, which says below the chart how. */
export function MetricChart({ runs, metric }: { runs: { id: string; name: string }[]; metric: string }) {
  const few = runs.slice(0, MAX_LINES);
  const ids = few.map((run) => run.id);
  const found = useQuery({ ...metricSeries(ids, metric, Math.floor(MAX_POINTS / Math.max(1, ids.length))), placeholderData: (before) => before });
  const [search, change] = useUrlState();
  const { data } = found;
  const drawn = useMemo(() => {
    const { steps, lines } = aligned(data?.series ?? []);
    return { steps, series: lines.map((values, i) => ({ name: few[i]?.name ?? "", color: `--s${i + 1}`, values })) };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the names go with the answer.
  }, [data]);
  return (
    <div>
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
