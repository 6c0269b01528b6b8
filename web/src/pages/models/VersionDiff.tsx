import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { type Version, version } from "@/api/queries";
import { Await, Empty, Head, Panel, Time, To } from "@/parts/basics";
import { Table } from "@/parts/Table";
import { useUrlState } from "@/parts/url";
import { number, signs } from "@/words/format";
import { versionChip } from "./VersionState";

/** Two versions beside each other. No interval of a difference is made up: only gates measure one. */
export function VersionDiff() {
  const { model = "" } = useParams({ strict: false });
  const [search] = useUrlState();
  const [a, b] = [Number(search["a"]), Number(search["b"])];
  const [x, y] = [useQuery({ ...version(model, a), enabled: a > 0 }), useQuery({ ...version(model, b), enabled: b > 0 })];
  if (!(a > 0) || !(b > 0)) return <Panel><Empty title="Two versions are compared: choose them on the page of the model."><To href={`/models/${encodeURIComponent(model)}`}>{model}</To></Empty></Panel>;
  return (
    <>
      <Head title={`${model}: v${a} and v${b}`} meta="differences of values measured on different rows say less than those that a gate measured on the same rows" />
      <Await of={x}>{(first) => <Await of={y}>{(second) => <Both a={first} b={second} />}</Await>}</Await>
    </>
  );
}

function Both({ a, b }: { a: Version; b: Version }) {
  const value = (v: Version, name: string): number | undefined => (v.metrics as Record<string, number | undefined>)[name];
  const names = [...new Set([...Object.keys(a.metrics), ...Object.keys(b.metrics)])];
  return (
    <>
      <Panel title="Metrics on held-out rows" flush>
        <Table label="Metrics of both" rows={names} id={(name) => name} columns={[
          { key: "metric", head: "Metric", by: (n) => n, cell: (n) => n },
          { key: "a", head: `v${a.number}`, right: true, cell: (n) => number(value(a, n)) },
          { key: "b", head: `v${b.number}`, right: true, cell: (n) => number(value(b, n)) },
          { key: "difference", head: "Difference", right: true, by: (n) => difference(value(a, n), value(b, n)), cell: (n) => <Difference of={difference(value(a, n), value(b, n))} /> },
        ]} />
      </Panel>
      <div className="grid half">
        {[a, b].map((v) => (
          <Panel key={v.number} title={<To href={`/models/${encodeURIComponent(v.model)}/${v.number}`}>v{v.number}</To>} aside={<span className="line">{versionChip(v)} <Time at={v.created} /></span>}>
            <ul className="stack" style={{ gap: 6 }}>{(v.gates ?? []).flatMap((g) => g.reason).map((reason) => <li key={reason}>{signs(reason)}</li>)}{(v.gates ?? []).length === 0 && <li className="mute">No gate has judged it.</li>}</ul>
          </Panel>
        ))}
      </div>
    </>
  );
}

const difference = (a: number | undefined, b: number | undefined): number | null => (a === undefined || b === undefined ? null : b - a);
const Difference = ({ of }: { of: number | null }) => <span className="num">{of === null ? "–" : `${of > 0 ? "+" : ""}${number(of, 3)}`}</span>;
