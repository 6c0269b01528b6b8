import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { ApiError, post } from "@/api/client";
import { comparison, deployments, endpoint as endpointQuery, type EndpointStatus, models } from "@/api/queries";
import { Act } from "@/parts/Act";
import { Await, Chip, Empty, Head, Panel, Time, To, Verdict } from "@/parts/basics";
import { useKeys } from "@/parts/keys";
import { Table } from "@/parts/Table";
import { NotFound } from "@/pages/NotFound";
import { reasonOption } from "@/words/command";
import { count, headline, person, signs } from "@/words/format";
import { Rollout } from "./Rollout";
import { deploymentState, stageText } from "./states";

type What = "rollback" | "deploy" | "promote" | "stop";

export function DeploymentPage() {
  const { endpoint = "" } = useParams({ strict: false });
  const found = useQuery(endpointQuery(endpoint));
  if (found.error instanceof ApiError && found.error.problem.status === 404) return <NotFound what={endpoint} />;
  return <Await of={found}>{(status) => <Found status={status} />}</Await>;
}

function Found({ status }: { status: EndpointStatus }) {
  const [act, setAct] = useState<What | null>(null);
  const all = useQuery(deployments).data?.items.filter((d) => d.endpoint === status.name) ?? [];
  const { live, candidate } = status;
  // What answered before what answers now: where a roll back goes to.
  const before = candidate ? live : all.find((d) => d.id !== live?.id && d.live_since);
  const canRollBack = before !== undefined && before !== null && (candidate ?? live) != null;
  useKeys({ R: () => canRollBack && setAct("rollback") });
  return (
    <>
      <Head title={status.name} after={candidate ? <Chip state={deploymentState[candidate.state]}>{stageText(candidate)}</Chip> : live ? <Chip state="ok">Live</Chip> : <Chip state="none">Nothing answers</Chip>}
        verdict={<Sentence status={status} />} meta={<>project {status.project}{live && <> · <To href={`/models/${encodeURIComponent(live.model)}/${live.version}`}>{live.model}@{live.version}</To> since <Time at={live.live_since} /></>} · <To href={`/monitors/${encodeURIComponent(status.name)}`}>monitor</To></>}
        actions={<>
          <button type="button" className="button bad" disabled={!canRollBack} data-tip={canRollBack ? `Back to v${before.version} (R)` : "There is nothing before it"} onClick={() => setAct("rollback")}>Roll back now</button>
          {candidate ? <DecideButton endpoint={status.name} version={candidate.version} onClick={() => setAct("promote")} /> : <button type="button" className="button main" onClick={() => setAct("deploy")}>Deploy a version…</button>}
        </>} />
      {status.exceptions && status.exceptions.length > 0 && <div className="frame">{status.exceptions.map((text) => <span key={text}>▲ {text}</span>)}</div>}
      {candidate && live && <Rollout status={status} live={live} candidate={candidate} />}
      <div className="grid half">
        <Panel title="Versions at this endpoint" flush>
          {all.length === 0 ? <Empty title="No deployment yet." /> : <Table label="Versions at this endpoint" rows={all} id={(d) => d.id} href={(d) => `/models/${encodeURIComponent(d.model)}/${d.version}`} columns={[
            { key: "version", head: "Version", cell: (d) => `v${d.version}` },
            { key: "state", head: "Stage", cell: (d) => <Chip state={deploymentState[d.state]}>{stageText(d)}</Chip> },
            { key: "since", head: "Live since", cell: (d) => <Time at={d.live_since} /> },
            { key: "until", head: "Until", cell: (d) => <Time at={d.live_until} /> },
          ]} />}
        </Panel>
        <Panel title="Input rules" aside="rows that broke them since the version was loaded" flush>
          {(status.input_rules ?? []).length === 0 ? <Empty title="No row has broken a rule." /> : <Table label="Input rules" rows={status.input_rules ?? []} id={(r) => `${r.version}${r.input}${r.rule}`} columns={[
            { key: "input", head: "Input", cell: (r) => r.input },
            { key: "rule", head: "Rule", cell: (r) => r.rule },
            { key: "policy", head: "Policy", cell: (r) => String(r.policy) },
            { key: "rows", head: "Rows", right: true, cell: (r) => count(r.rows) },
          ]} />}
        </Panel>
      </div>
      {act && <Decision what={act} status={status} backTo={before?.version} onClose={() => setAct(null)} />}
    </>
  );
}

/** A person decides experiments; every other rollout decides by itself, by the rules of the contract. */
function DecideButton({ endpoint, version, onClick }: { endpoint: string; version: number; onClick: () => void }) {
  const found = useQuery(comparison(endpoint)).data;
  const isExperiment = found?.result !== undefined && found.result !== null;
  return <button type="button" className="button main" aria-disabled={!isExperiment} data-tip={isExperiment ? undefined : "This rollout decides by itself, by the rules of the contract. A person decides experiments only."} onClick={() => isExperiment && onClick()}>Decide for v{version}…</button>;
}

function Sentence({ status }: { status: EndpointStatus }) {
  const { live, candidate, waits } = status;
  if (status.refused) return <Verdict state="bad">Failed: v{live?.version} could not be loaded; {headline(status.refused)}</Verdict>;
  const beside = live ? ` beside v${live.version}` : "";
  if (candidate) return <Verdict state={deploymentState[candidate.state]}>{stageText(candidate)}: v{candidate.version}{beside}{status.candidate_refused ? `, but it is not asked: ${headline(status.candidate_refused)}` : ""}{waits ? `; waits: ${signs(waits.reason)}${waits.who?.length ? ` (${waits.who.map(person).join(", ")})` : ""}` : ""}</Verdict>;
  if (live) return <Verdict state={status.open_alerts > 0 ? "warn" : "ok"}>{status.open_alerts > 0 ? "At risk" : "Healthy"}: v{live.version} answers every request{status.open_alerts > 0 ? `; ${status.open_alerts} open ${status.open_alerts === 1 ? "alert" : "alerts"}` : ""}{waits ? `; next: ${headline(waits.reason)}` : ""}</Verdict>;
  return <Verdict state="none">Nothing answers here{waits ? `: ${headline(waits.reason)}` : ""}</Verdict>;
}


function Decision({ what, status, backTo, onClose }: { what: What; status: EndpointStatus; backTo: number | undefined; onClose: () => void }) {
  const { name, candidate, live } = status;
  const known = useQuery(models).data?.items.find((m) => m.name === (live?.model ?? candidate?.model) || m.project === status.project);
  const approved = known?.versions.filter((v) => v.state === "approved") ?? [];
  const [version, setVersion] = useState<number | undefined>(candidate?.version);
  const [choice, setChoice] = useState<"promote" | "stop">("promote");
  const path = { endpoint: name };
  if (what === "rollback") {
    const from = candidate?.version ?? live?.version;
    return (
      <Act title={`Roll back ${name}`} button={`Roll back to v${backTo}`} isBad onClose={onClose} command={(reason) => `kilter rollback ${name}${reasonOption(reason)}`} run={(reason) => post("/api/v1/endpoints/{endpoint}/rollback", { path, body: { reason: reason || null } })} done={<>Rolled back: v{backTo} answers {name}.</>}>
        <p>v{from} is taken back at once; v{backTo} answers every request. It waits for nobody, and the reason can be given later.</p>
      </Act>
    );
  }
  if (what === "promote" && candidate) {
    return (
      <Act title={`Decide for v${candidate.version} at ${name}`} button={choice === "promote" ? `Promote v${candidate.version}` : `Take v${candidate.version} back`} isBad={choice === "stop"} needsReason onClose={onClose} command={(reason) => `kilter experiment decide ${name} ${choice}${reasonOption(reason)}`} run={(reason) => post("/api/v1/endpoints/{endpoint}/experiment/decision", { path, body: { decision: choice, reason } })} done={<>v{candidate.version} {choice === "promote" ? "is promoted" : "is taken back"}.</>}>
        <p>A person decides where the contract has an experiment; other rollouts decide by themselves, by the rules of the contract.</p>
        <div className="pills" role="group" aria-label="Decision">{(["promote", "stop"] as const).map((c) => <button key={c} type="button" className="pill" aria-pressed={choice === c} onClick={() => setChoice(c)}>{c === "promote" ? "Promote" : "Take back"}</button>)}</div>
      </Act>
    );
  }
  return (
    <Act title={`Deploy to ${name}`} button={version ? `Deploy v${version}` : "Deploy"} canRun={version !== undefined} onClose={onClose} command={(reason) => `kilter deploy ${known?.name ?? "MODEL"}@${version ?? "VERSION"} --to ${name}${reasonOption(reason)}`} run={(reason) => post("/api/v1/endpoints/{endpoint}/deploy", { path, body: { version: version ?? 0, reason: reason || null } })} done={<>v{version} was asked for at {name}; its rollout begins as the contract says.</>}>
      <label className="field"><span>Version</span><select value={version ?? ""} onChange={(e) => setVersion(Number(e.target.value) || undefined)}><option value="">Choose…</option>{approved.map((v) => <option key={v.number} value={v.number}>v{v.number}, approved{v.number === live?.version ? ", live" : ""}</option>)}</select></label>
      <p className="mute">Only approved versions can be deployed. The contract says whether shadow or a canary comes first.</p>
    </Act>
  );
}
