import { useQueries, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { latestReadings, readings } from "@/api/queries";
import { boundOf, seriesOf } from "@/api/series";
import { raw } from "@/api/client";
import { Heat, type HeatRow } from "@/charts/Heat";
import { Await, Empty, Pairs, Panel, Skeleton } from "@/parts/basics";
import { useKeys } from "@/parts/keys";
import { Sheet } from "@/parts/overlay";
import { useUrlState } from "@/parts/url";
import { Lines } from "@/charts/Lines";
import { count, day, number, plural, signs } from "@/words/format";

/** More columns are left out, and said so. */
const MAX_COLUMNS = 40;
const MONTHS = (start: string): string => day(start).split(" ").slice(1).join(" ");

/** Columns × windows: how far each column is from its reference. */
export function Drift({ endpoint }: { endpoint: string }) {
  const latest = useQuery(latestReadings(endpoint));
  const signature = useQuery({ queryKey: ["signature", endpoint], queryFn: ({ signal }) => raw<{ inputs: { name: string }[] }>("GET", `/v2/models/${encodeURIComponent(endpoint)}`, undefined, signal) });
  const rule = latest.data?.items.find((r) => r.monitor === "drift" && r.metric.includes("(*)"));
  const columns = (signature.data?.inputs ?? []).map((i) => i.name);
  const few = columns.slice(0, MAX_COLUMNS);
  const found = useQueries({ queries: rule ? few.map((part) => readings(endpoint, { monitor: "drift", metric: rule.metric, part }, 500)) : [] });
  if (latest.data && !rule) return <Panel title="Drift"><Empty title="The contract has no rule about all columns.">A rule such as <code>psi(*) &lt; 0.25 over 1mo</code> measures each column.</Empty></Panel>;
  const isReady = rule !== undefined && found.length > 0 && found.every((f) => f.data);
  if (!isReady) return <Panel title="Drift"><Await of={{ data: undefined, error: latest.error ?? signature.error ?? found.find((f) => f.error)?.error ?? null, refetch: () => latest.refetch() }}>{() => <Skeleton />}</Await></Panel>;
  return <Map metric={rule.metric} rule={rule.rule ?? ""} threshold={boundOf(rule.rule) ?? 0.25} columns={few} left={columns.length - few.length} readingsOf={found.map((f) => f.data?.items ?? [])} />;
}

function Map({ metric, rule, threshold, columns, left, readingsOf }: { metric: string; rule: string; threshold: number; columns: string[]; left: number; readingsOf: Parameters<typeof seriesOf>[0][] }) {
  const [search, change] = useUrlState();
  const { rows, starts, counts } = useMemo(() => {
    const all = readingsOf.map((items) => seriesOf(items).find((s) => s.part !== null));
    const measured = all.flatMap((s) => s?.points ?? []).filter((p) => p.value !== null).map((p) => p.start).sort();
    const starts = [...new Set(all.flatMap((s) => s?.points ?? []).map((p) => p.start))].filter((s) => s >= (measured[0] ?? "") && s <= (measured.at(-1) ?? "")).sort();
    const rows = all.map((s, i): HeatRow => {
      const by = new globalThis.Map(s?.points.map((p) => [p.start, p]));
      return { name: columns[i] ?? "", cells: starts.map((start) => ({ value: by.get(start)?.value ?? null, isThin: by.get(start)?.value == null })) };
    });
    const counts = starts.map((start) => Math.max(0, ...all.map((s) => s?.points.find((p) => p.start === start)?.count ?? 0)));
    const worst = (row: HeatRow): number => Math.max(-1, ...row.cells.slice(-3).map((c) => c.value ?? -1));
    return { rows: rows.sort((a, b) => worst(b) - worst(a)), starts, counts };
  }, [readingsOf, columns]);
  const isCalm = (row: HeatRow): boolean => row.cells.every((c) => (c.value ?? 0) < threshold / 3);
  const all = search["calm"] === "1";
  const shown = all ? rows : rows.filter((row) => !isCalm(row));
  const at = shown.findIndex((row) => row.name === search["column"]);
  const column = search["window"] === undefined ? starts.length - 1 : Math.max(0, starts.indexOf(search["window"]));
  const choose = (row: number, window: number): void => change({ column: shown[row]?.name, window: starts[window] });
  useKeys(at >= 0 ? { h: () => choose(at, Math.max(0, column - 1)), l: () => choose(at, Math.min(starts.length - 1, column + 1)) } : {});
  const chosen = shown[at];
  if (starts.length === 0) return <Panel title="Drift"><Empty title="No window has enough rows yet." /></Panel>;
  return (
    <Panel title="Drift" aside={`${metric}, rows by their newest values`}>
      <Heat rows={shown} columns={starts.map(MONTHS)} threshold={threshold} format={formatCell} onChoose={choose} chosen={at >= 0 ? [at, column] : null} label={`Drift of ${plural(shown.length, "column")} in ${plural(starts.length, "window")}; worst newest: ${shown[0]?.name ?? "none"}`} />
      <p className="caption" style={{ marginTop: 8 }}>
        <span className="key">0 <span className="scale" aria-hidden="true">{[0, 1, 2, 3, 4, 5].map((i) => <span key={i} style={{ background: `var(--h${i})` }} />)}</span> {number(threshold * 2)} and more</span>
        <span>limit {signs(rule)}: the middle of the scale</span>
        <span>hatched: not measured</span>
        {rows.length > shown.length ? <button type="button" className="link" onClick={() => change({ calm: "1" })}>+ {plural(rows.length - shown.length, "calm column")}</button> : all && <button type="button" className="link" onClick={() => change({ calm: undefined })}>fold calm columns</button>}
        {left > 0 && <span>{plural(left, "more column")} not shown</span>}
      </p>
      <details className="small"><summary>As a table</summary>
        <div className="table"><table aria-label="Drift by column and window"><thead><tr><th scope="col">Column</th>{starts.map((s) => <th key={s} scope="col" className="right">{MONTHS(s)}</th>)}</tr></thead><tbody>{shown.map((row) => <tr key={row.name}><th scope="row">{row.name}</th>{row.cells.map((c, i) => <td key={i} className="right">{number(c.value, 3)}</td>)}</tr>)}</tbody></table></div>
      </details>
      <Sheet open={chosen !== undefined} onClose={() => change({ column: undefined, window: undefined })} title={chosen ? `${chosen.name}: distance from its reference` : ""} wide>
        {chosen && <Column row={chosen} starts={starts} at={column} threshold={threshold} rows={counts[column]} />}
      </Sheet>
    </Panel>
  );
}

function Column({ row, starts, at, threshold, rows }: { row: HeatRow; starts: string[]; at: number; threshold: number; rows: number | undefined }) {
  const drawn = useMemo(() => ({ x: starts.map((s) => Date.parse(s) / 1000), series: [{ name: row.name, color: "--s2", values: row.cells.map((c) => c.value) }] }), [row, starts]);
  return (
    <>
      <Lines x={drawn.x} series={drawn.series} bound={threshold} isTime label={`Drift of ${row.name}`} format={formatCell} />
      <Pairs of={[["Window from", day(starts[at])], ["Value", number(row.cells[at]?.value)], ["Limit", number(threshold)], ["Rows", count(rows)]]} />
    </>
  );
}

const formatCell = (value: number): string => number(value, 3);
