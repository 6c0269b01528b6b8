import { useQueries, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { post, type Schemas } from "@/api/client";
import { readRule } from "@/api/gate";
import type { State } from "@/api/loop";
import { models, proposals, version, waivers } from "@/api/queries";
import { Act } from "@/parts/Act";
import { Await, Chip, Empty, Head, Panel, Time, To, Verdict } from "@/parts/basics";
import { Table } from "@/parts/Table";
import { person, plural, sentence, signs } from "@/words/format";

type Proposal = Schemas["PolicyProposal"];
const proposalState: Record<Proposal["state"], State> = { open: "wait", accepted: "ok", rejected: "bad", superseded: "none" };

/** What the contracts in force ask for, as far as the API says it: rules that judged the newest version, waivers, and proposals to ask for less. */
export function Policies() {
  const all = useQuery(models);
  const names = (all.data?.items ?? []).map((m) => m.name);
  const newest = useQueries({ queries: (all.data?.items ?? []).map((m) => ({ ...version(m.name, m.versions[0]?.number ?? 0), enabled: m.versions.length > 0 })) });
  const granted = useQueries({ queries: names.map((name) => waivers(name)) });
  const asked = useQueries({ queries: names.map((name) => proposals(name)) });
  const [decide, setDecide] = useState<{ model: string; proposal: Proposal; kind: "accept" | "reject" } | null>(null);
  const gates = names.flatMap((model, i) => (newest[i]?.data?.gates ?? []).flatMap((gate) => gate.reason.map(readRule).filter((r) => !r.isNote).map((rule) => ({ model, gate: gate.gate, rule, number: newest[i]?.data?.number }))));
  const inForce = granted.flatMap((g) => g.data?.items ?? []).filter((w) => w.state === "granted");
  const open = names.flatMap((model, i) => (asked[i]?.data?.items ?? []).map((proposal) => ({ model, proposal })));
  const waiting = open.filter((o) => o.proposal.state === "open");
  return (
    <Await of={all}>
      {() => (
        <>
          <Head title="Policies" verdict={<Verdict state={waiting.length > 0 ? "wait" : inForce.length > 0 ? "warn" : "ok"}>{waiting.length > 0 ? `${plural(waiting.length, "contract")} ask for less: a validator decides` : "No contract asks for less than the one in force"} · {plural(inForce.length, "waiver")} in force</Verdict>} />
          <Panel title="Rules of the gates" aside="as they judged the newest version" flush>
            {gates.length === 0 ? <Empty title="No gate has judged a version yet." /> : <Table label="Rules" rows={gates} id={(g) => `${g.model}${g.gate}${g.rule.text}`} columns={[
              { key: "model", head: "Model", by: (g) => g.model, cell: (g) => <To href={`/models/${encodeURIComponent(g.model)}/${g.number}`}>{g.model}@{g.number}</To> },
              { key: "gate", head: "Gate", cell: (g) => g.gate },
              { key: "rule", head: "Rule", cell: (g) => (g.rule.metric ? `${g.rule.metric} ${signs(g.rule.operator ?? "")} ${g.rule.bound}` : signs(g.rule.text)) },
              { key: "state", head: "Newest", cell: (g) => <Chip state={g.rule.state} tip={signs(g.rule.text)} /> },
            ]} />}
          </Panel>
          <div className="grid half">
            <Panel title="Waivers" flush>
              {inForce.length === 0 ? <Empty title="No rule is waived." /> : <ul className="list">{inForce.map((w) => <li key={w.id}><span className="line"><Chip state="bad">Waived</Chip><strong>{signs(w.rule)}</strong> {w.model}{w.version ? `@${w.version}` : ", every version"}</span><span className="small mute">{w.reason} · {person(w.by)}, until <Time at={w.until} /></span></li>)}</ul>}
            </Panel>
            <Panel title="Contracts that ask for less" flush>
              {open.length === 0 ? <Empty title="None was proposed." /> : <ul className="list">{open.map(({ model, proposal: p }) => (
                <li key={p.id}>
                  <span className="line"><Chip state={proposalState[p.state]}>{sentence(p.state)}</Chip><strong>{model}</strong><span className="mute">by {person(p.by)} <Time at={p.created} /></span></span>
                  <ul>{p.changes.map((change) => <li key={change}>{signs(change)}</li>)}</ul>
                  {p.state === "open" && <span className="actions"><button type="button" className="button small" onClick={() => setDecide({ model, proposal: p, kind: "accept" })}>Accept…</button><button type="button" className="button small bad" onClick={() => setDecide({ model, proposal: p, kind: "reject" })}>Reject…</button></span>}
                  <details className="small"><summary>The contract that is proposed</summary><pre className="code">{p.text}</pre></details>
                </li>
              ))}</ul>}
            </Panel>
          </div>
          {decide && (
            <Act title={`${sentence(decide.kind)} the contract of ${decide.model}`} button={sentence(decide.kind)} isBad={decide.kind === "reject"} needsReason={decide.kind === "reject"} onClose={() => setDecide(null)} command={() => `kilter inbox`} done={`The contract is ${decide.kind}ed.`}
              run={(reason) => { const path = { model: decide.model, id: decide.proposal.id }; const body = { reason: reason || null }; return decide.kind === "accept" ? post("/api/v1/models/{model}/proposals/{id}/accept", { path, body }) : post("/api/v1/models/{model}/proposals/{id}/reject", { path, body }); }}>
              <p>{decide.kind === "accept" ? "It is in force from now on, for every version that is judged later." : "The contract in force stays."}</p>
              <ul>{decide.proposal.changes.map((change) => <li key={change}>{signs(change)}</li>)}</ul>
            </Act>
          )}
        </>
      )}
    </Await>
  );
}
