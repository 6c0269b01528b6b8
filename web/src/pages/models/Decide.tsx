import { useQuery } from "@tanstack/react-query";
import { readRule } from "@/api/gate";
import { post, type Schemas } from "@/api/client";
import { type Version, whoami } from "@/api/queries";
import { Act } from "@/parts/Act";
import { Chip } from "@/parts/basics";
import { reasonOption } from "@/words/command";
import { signs } from "@/words/format";

type Props = { version: Version; kind: "approve" | "reject" | "submit" | "revoke"; onClose: () => void };

/** Approve, reject, submit or revoke: lists what will happen and what is open. */
export function Decide({ version, kind, onClose }: Props) {
  const { model, number } = version;
  const path = { model, version: number };
  const name = `${model}@${number}`;
  const open = (version.gates ?? []).flatMap((gate) => gate.reason.map(readRule)).filter((rule) => rule.state === "warn" || rule.state === "bad" || rule.state === "wait");
  const said = {
    approve: { title: `Approve ${name}`, button: "Approve", text: "The version may serve where the contract allows it. Where the contract deploys by itself, the rollout begins now.", run: (reason: string) => post("/api/v1/models/{model}/versions/{version}/approve", { path, body: { reason: reason || null } }) },
    reject: { title: `Reject ${name}`, button: "Reject", text: "The version will not serve. What is live stays.", run: (reason: string) => post("/api/v1/models/{model}/versions/{version}/reject", { path, body: { reason } }) },
    submit: { title: `Submit ${name}`, button: "Submit", text: "The gates judge the version; what has passed waits for approval.", run: (reason: string) => post("/api/v1/models/{model}/versions/{version}/submit", { path, body: { reason: reason || null } }) },
    revoke: { title: `Revoke ${name}`, button: "Revoke", text: "The version may never serve again. Where it is live, the version before answers at once.", run: (reason: string) => post("/api/v1/models/{model}/versions/{version}/revoke", { path, body: { reason } }) },
  }[kind];
  return (
    <Act title={said.title} button={said.button} onClose={onClose} run={said.run} done={<>{said.title}: done, and in the audit log.</>} needsReason={kind !== "submit" && (kind !== "approve" || open.length > 0)} isBad={kind === "reject" || kind === "revoke"} command={(reason) => `kilter ${kind} ${name}${reasonOption(reason)}`}>
      <p>{said.text}</p>
      {open.length > 0 && <div className="stack" style={{ gap: 6 }}><h3>Open items</h3>{open.map((rule) => <p key={rule.text} className="line"><Chip state={rule.state} /> {signs(rule.text)}</p>)}</div>}
      {version.standing && version.standing.missing && version.standing.missing.length > 0 && <div><h3>Still missing</h3><ul>{version.standing.missing.map((text) => <li key={text}>{text}</li>)}</ul></div>}
    </Act>
  );
}

/** Whether nobody has said who acts: such a caller decides nothing that a person must. */
export const isNameless = (me: Schemas["WhoAmI"]): boolean => !me.proven && me.actor === "svc:api";

/** Why this person may not approve, as far as the page can know; the server decides. */
export function useObstacle(version: Version): string | null {
  const me = useQuery(whoami).data;
  if (version.state !== "validated" && version.state !== "candidate") return `v${version.number} is ${version.state}; only what is validated is approved`;
  if (version.state === "candidate") return "a gate is undecided: it has to be decided, or its rule waived, first";
  if (me && isNameless(me)) return "say who you are first";
  if (me && version.standing?.makers?.includes(me.actor)) return "you made this version: someone else must approve it";
  return null;
}
