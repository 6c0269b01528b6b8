import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Schemas, raw } from "@/api/client";
import { document, packageFiles, run, type Version } from "@/api/queries";
import { Await, Copy, Empty, Failure, Pairs, Panel, Plain, Time, To } from "@/parts/basics";
import { Table } from "@/parts/Table";
import { bytes, count, number, person, short, shortId } from "@/words/format";

/** The model card, made from records; what people wrote is marked, what nobody knows is said. */
export function Card({ version }: { version: Version }) {
  const card = useQuery(document(version.model, version.number, "card"));
  return (
    <Await of={card}>
      {(doc) => (
        <Panel title={doc.title} aside={doc.revision ? `revision ${doc.revision}` : "nobody has written parts of it"}>
          <div className="stack">
            {doc.sections.map((section) => (
              <section key={section.heading} className="stack" style={{ gap: 8 }}>
                <h2>{section.heading}</h2>
                {section.blocks.map((block, index) => <Block key={index} block={block} />)}
              </section>
            ))}
          </div>
        </Panel>
      )}
    </Await>
  );
}

function Block({ block }: { block: Schemas["DocumentBlock"] }) {
  switch (block.kind) {
    case "text":
      return <p style={{ maxWidth: "78ch" }}>{block.text}</p>;
    case "gap":
      return <p className="s-warn">▲ {block.text}</p>;
    case "human":
      return block.text ? <p style={{ maxWidth: "78ch" }}><Plain>written by people</Plain> {block.text}</p> : <p className="mute">Nobody has written the part “{block.part}”.</p>;
    case "table":
      return <div className="table"><table><thead><tr>{block.headings.map((h) => <th key={h} scope="col">{h}</th>)}</tr></thead><tbody>{block.rows.map((row, i) => <tr key={i}>{row.map((cell, j) => <td key={j} className={/^[0-9a-f]{64}$/.test(cell) ? "mono" : "num"} data-tip={cell.length > 40 ? cell : undefined}>{/^[0-9a-f]{64}$/.test(cell) ? cell.slice(0, 12) : cell}</td>)}</tr>)}</tbody></table></div>;
  }
}

export function Files({ version }: { version: Version }) {
  const files = useQuery(packageFiles(version.model, version.digest));
  return (
    <Await of={files}>
      {(found) => (
        <Panel title="Files of the package" aside={`${found.signatures.length} ${found.signatures.length === 1 ? "signature" : "signatures"}`} flush>
          <Table label="Files" rows={found.files} id={(f) => f.path} columns={[
            { key: "path", head: "File", by: (f) => f.path, cell: (f) => <code>{f.path}</code> },
            { key: "bytes", head: "Size", right: true, by: (f) => f.bytes, cell: (f) => bytes(f.bytes) },
            { key: "digest", head: "BLAKE3", cell: (f) => <Copy text={f.digest}>{short(f.digest, 16)}</Copy> },
          ]} />
        </Panel>
      )}
    </Await>
  );
}

type DataVersion = { path?: string; digest?: string; rows?: number };
/** What the version was made from: data, code, run. */
export function MadeFrom({ version }: { version: Version }) {
  const made = useQuery({ ...run(version.run ?? ""), enabled: Boolean(version.run) });
  const record = (made.data?.record ?? {}) as { data?: Record<string, DataVersion>; commit?: string | null; is_dirty?: boolean };
  return (
    <Panel title="Made from">
      <Pairs of={[
        ...Object.entries(record.data ?? {}).map(([name, data]): [string, React.ReactNode] => [`Data`, <>{name} · {count(data.rows)} rows · <Copy text={data.digest ?? ""}>{short(data.digest)}</Copy></>]),
        ["Code", record.commit ? <><Copy text={record.commit}>{short(record.commit)}</Copy> {record.is_dirty ? "with local changes" : "clean"}</> : <span className="mute">no commit recorded</span>],
        ["Run", version.run ? <To href={`/runs/${version.run}`}><code>{shortId(version.run)}</code></To> : "imported"],
        ["Cause", made.data?.summary.cause ?? <span className="mute">–</span>],
        ["Made by", version.standing?.makers?.map(person).join(", ") ?? "–"],
        ["Registered", <Time key="t" at={version.created} />],
        ["Package", <Copy key="p" text={version.digest}>{short(version.digest, 16)}</Copy>],
      ]} />
    </Panel>
  );
}

type Tensor = { name: string; datatype: string; shape: number[] };
type Signature = { inputs: Tensor[]; outputs: Tensor[]; versions?: string[] };
type Answer = { outputs: { name: string; data: (number | string)[] }[] };

/** Asks the model: a form from its signature, what is sent beside it, and the answer. */
export function TryIt({ endpoint, version }: { endpoint: string | undefined; version: Version }) {
  const signature = useQuery({ queryKey: ["signature", endpoint], enabled: endpoint !== undefined, queryFn: ({ signal }) => raw<Signature>("GET", `/v2/models/${encodeURIComponent(endpoint ?? "")}`, undefined, signal) });
  const [values, setValues] = useState<Record<string, string>>({});
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [error, setError] = useState<unknown>(null);
  if (endpoint === undefined) return <Panel><Empty title={`v${version.number} serves nowhere.`}>It can be asked once it is live, in canary or in shadow.</Empty></Panel>;
  return (
    <Await of={signature}>
      {({ inputs }) => {
        const isText = (t: Tensor): boolean => t.datatype === "BYTES";
        const body = { inputs: inputs.map((t) => ({ name: t.name, datatype: t.datatype, shape: [1], data: [isText(t) ? (values[t.name] ?? "") : Number(values[t.name] ?? "")] })) };
        const isFilled = inputs.every((t) => (values[t.name] ?? "").trim() !== "" && (isText(t) || Number.isFinite(Number(values[t.name]))));
        const ask = (): void => {
          setError(null);
          raw<Answer>("POST", `/v2/models/${encodeURIComponent(endpoint)}/versions/${version.number}/infer`, body).then(setAnswer, setError);
        };
        return (
          <div className="grid half">
            <Panel title="Try it" aside={`a real request to ${endpoint}, version ${version.number}: it is recorded`}>
              <form className="stack" onSubmit={(event) => { event.preventDefault(); if (isFilled) ask(); }}>
                <div className="grid half" style={{ gap: 10 }}>{inputs.map((t) => <label key={t.name} className="field"><span>{t.name} <span className="mute">{t.datatype}</span></span><input inputMode={isText(t) ? "text" : "decimal"} value={values[t.name] ?? ""} onChange={(e) => setValues({ ...values, [t.name]: e.target.value })} /></label>)}</div>
                <div><button type="submit" className="button main" disabled={!isFilled} data-tip={isFilled ? undefined : "Every input needs a value"}>Predict</button></div>
              </form>
            </Panel>
            <div className="stack">
              {error !== null && <Failure error={error} />}
              {answer && <Panel title="Answer"><Pairs of={answer.outputs.map((o) => [o.name, o.data.map((v) => (typeof v === "number" ? number(v) : v)).join(" · ")])} /></Panel>}
              <Panel title="What is sent"><pre className="code">{JSON.stringify(body, null, 1)}</pre></Panel>
            </div>
          </div>
        );
      }}
    </Await>
  );
}
