import { useInfiniteQuery, useQueries } from "@tanstack/react-query";
import { run, type Run, runs } from "@/api/queries";
import { Copy, Empty, Head, Panel, Skeleton, Time, To, Verdict } from "@/parts/basics";
import { Table } from "@/parts/Table";
import { useUrlState } from "@/parts/url";
import { bytes, count, day, number, percent, plural, short, shortId } from "@/words/format";

type ColumnProfile = { name: string; type: string; missing?: number; distinct?: number; min?: number | string; max?: number | string; mean?: number; sd?: number };
type Dataset = { path?: string; digest: string; bytes?: number; rows?: number; columns?: ColumnProfile[] };
type Known = Dataset & { name: string; runs: Run[] };
const MOST_RUNS = 30;

/** Datasets as the newest runs recorded them: one row per name and digest. */
export function Data() {
  const all = useInfiniteQuery(runs);
  const [search, change] = useUrlState();
  const newest = (all.data?.pages.flatMap((page) => page.items) ?? []).slice(0, MOST_RUNS);
  const found = useQueries({ queries: newest.map((r) => run(r.id)) });
  const known = new Map<string, Known>();
  for (const f of found) {
    const data = ((f.data?.record ?? {}) as { data?: Record<string, Dataset> }).data ?? {};
    for (const [name, d] of Object.entries(data)) {
      const key = `${name}@${d.digest}`;
      const before = known.get(key);
      if (f.data) known.set(key, { ...d, name, runs: [...(before?.runs ?? []), f.data] });
    }
  }
  const rows = [...known.values()];
  const chosen = rows.find((d) => `${d.name}@${d.digest}` === search["data"]) ?? rows[0];
  if (all.isPending || found.some((f) => f.isPending)) return <Skeleton />;
  return (
    <>
      <Head title="Data" verdict={<Verdict state="none">{plural(new Set(rows.map((r) => r.name)).size, "dataset")}, {plural(rows.length, "version")}, as the newest {plural(newest.length, "run")} recorded them</Verdict>} />
      {rows.length === 0 ? <Panel><Empty title="No run has recorded data yet." /></Panel> : (
        <Table label="Dataset versions" rows={rows} id={(d) => `${d.name}@${d.digest}`} isCurrent={(d) => d === chosen} href={(d) => `/data?data=${encodeURIComponent(`${d.name}@${d.digest}`)}`} columns={[
          { key: "name", head: "Dataset", by: (d) => d.name, cell: (d) => d.name },
          { key: "digest", head: "Version", cell: (d) => <code>{short(d.digest, 12)}</code> },
          { key: "rows", head: "Rows", right: true, by: (d) => d.rows, cell: (d) => count(d.rows) },
          { key: "columns", head: "Columns", right: true, by: (d) => d.columns?.length, cell: (d) => count(d.columns?.length) },
          { key: "bytes", head: "Size", right: true, by: (d) => d.bytes, cell: (d) => (d.bytes === undefined ? "–" : bytes(d.bytes)) },
          { key: "used", head: "Used by", cell: (d) => d.runs.map((r) => <To key={r.summary.id} href={`/runs/${r.summary.id}`} className="mono">{shortId(r.summary.id)} </To>) },
          { key: "at", head: "Last used", cell: (d) => <Time at={d.runs[0]?.summary.created} /> },
        ]} />
      )}
      {chosen?.columns && (
        <Panel title={`Columns of ${chosen.name}`} aside={<Copy text={chosen.digest}>{short(chosen.digest, 16)}</Copy>} flush>
          <Table label="Columns" rows={chosen.columns} id={(c) => c.name} columns={[
            { key: "name", head: "Column", by: (c) => c.name, cell: (c) => c.name },
            { key: "type", head: "Type", by: (c) => c.type, cell: (c) => c.type },
            { key: "missing", head: "Missing", right: true, by: (c) => c.missing, cell: (c) => percent(chosen.rows ? (c.missing ?? 0) / chosen.rows : null) },
            { key: "distinct", head: "Distinct", right: true, by: (c) => c.distinct, cell: (c) => count(c.distinct) },
            { key: "min", head: "Smallest", right: true, cell: (c) => edge(c.min) },
            { key: "mean", head: "Mean", right: true, by: (c) => c.mean, cell: (c) => number(c.mean) },
            { key: "sd", head: "SD", right: true, by: (c) => c.sd, cell: (c) => number(c.sd) },
            { key: "max", head: "Largest", right: true, cell: (c) => edge(c.max) },
          ]} />
        </Panel>
      )}
      {search["data"] && <p><button type="button" className="link" onClick={() => change({ data: undefined })}>Show the newest</button></p>}
    </>
  );
}

const edge = (value: number | string | undefined): string => (typeof value === "number" ? number(value) : value === undefined ? "–" : /^\d{4}-/.test(value) ? day(value) : value);
