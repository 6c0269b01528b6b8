//! An alert with what is known about it, and what can be done.
import { useState } from "react";
import { post } from "@/api/client";
import { alertState } from "@/api/loop";
import type { Alert } from "@/api/queries";
import { reasonOption } from "@/words/command";
import { capital, interval, number, percent, sentence, signs } from "@/words/format";
import { Act } from "./Act";
import { Chip, Pairs, Panel, Time, To } from "./basics";

type What = "acknowledge" | "mute" | "unmute" | "resolve";
const HOUR = 3_600_000;
/** How long an alert can be silent; a mute always ends. */
const MUTE_HOURS = [[1, "1 hour"], [8, "8 hours"], [24, "1 day"], [168, "7 days"]] as const;

export function AlertDetail({ alert, isAtMonitor }: { alert: Alert; isAtMonitor?: boolean }) {
  const [act, setAct] = useState<What | null>(null);
  const { detail } = alert;
  const [verdict, rest] = splitBrackets(signs(detail.text));
  return (
    <Panel title={<>{alert.endpoint}: {alert.kind.replaceAll("_", " ")}</>} aside={<Chip state={alertState(alert)}>{sentence(alert.state)}</Chip>}>
      <div className="stack">
        <div><p className="strong">{verdict}</p>{rest && <p className="small mute">{rest}</p>}</div>
        {detail.explanation && <div><h3>Likely cause</h3><ul>{signs(detail.explanation).split("; ").map((part) => <li key={part}>{capital(part).replace(/`/g, "")}</li>)}</ul></div>}
        <Causes alert={alert} />
        <Pairs of={[["Opened", <Time key="o" at={alert.opened} />], ["Fires since", <Time key="f" at={alert.fired} />], ["Columns", detail.columns.join(", ") || "–"], ["Rules", [...new Set(detail.notified.map((n) => signs(n.rule)))].join("; ") || "–"]]} />
        <div className="actions">
          {!isAtMonitor && <To className="button" href={`/monitors/${encodeURIComponent(alert.endpoint)}`}>Open the monitor</To>}
          {alert.state === "firing" && <button type="button" className="button" onClick={() => setAct("acknowledge")}>Acknowledge…</button>}
          {alert.state === "muted" ? <button type="button" className="button" onClick={() => setAct("unmute")}>Unmute…</button> : <button type="button" className="button" onClick={() => setAct("mute")}>Mute…</button>}
          <button type="button" className="button" onClick={() => setAct("resolve")}>Resolve…</button>
          <To className="button" href={`/deployments/${encodeURIComponent(alert.endpoint)}`}>Roll back…</To>
        </div>
      </div>
      {act && <AlertAct alert={alert} what={act} onClose={() => setAct(null)} />}
    </Panel>
  );
}

/** The first sentence, and what it says in brackets. */
function splitBrackets(text: string): [string, string] {
  const at = text.indexOf(" (");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 2).replace(/\)$/, "")];
}

function Causes({ alert }: { alert: Alert }) {
  const cause = alert.detail.root_cause;
  if (!cause) return null;
  const shift = cause.score_shift;
  return (
    <div className="grid half">
      {(cause.loss_by_drift ?? []).length > 0 && <Effects title="By how much the drift of each column changes the loss" of={cause.loss_by_drift ?? []} />}
      {shift && <Effects title={`What moved the mean score (${number(shift.total, 3)} in all)`} of={shift.columns} />}
      {(cause.weak_slices ?? []).length > 0 && <div><h3>Where the loss is larger</h3><ul>{(cause.weak_slices ?? []).slice(0, 4).map((s) => <li key={s.conditions}><code>{s.conditions}</code> <span className="num">{number(s.loss, 3)} on {s.rows} rows</span></li>)}</ul></div>}
      {(cause.missing ?? []).length > 0 && <div><h3>Columns that lack values</h3><ul>{(cause.missing ?? []).map((m) => <li key={m.column}>{m.column} {percent(m.share)}, before {percent(m.share_before)}</li>)}</ul></div>}
    </div>
  );
}

type Effect = { column: string; value?: number | null; low?: number | null; high?: number | null };
function Effects({ title, of }: { title: string; of: Effect[] }) {
  const few = of.slice(0, 5);
  const reach = Math.max(...few.map((e) => Math.abs(e.value ?? 0)), 1e-12);
  return (
    <div>
      <h3>{title}</h3>
      <dl className="pairs" style={{ gridTemplateColumns: "minmax(70px, max-content) minmax(30px, 1fr) max-content", gap: "4px 10px", marginTop: 6 }}>
        {few.map((e) => (
          <div key={e.column} style={{ display: "contents" }}>
            <dt>{e.column}</dt>
            <dd style={{ alignSelf: "center" }}><div style={{ height: 6, borderRadius: 3, width: `${(Math.abs(e.value ?? 0) / reach) * 100}%`, background: "var(--s2)", opacity: 0.75 }} /></dd>
            <dd className="num nowrap right">{interval(e.value, e.low, e.high)}</dd>
          </div>
        ))}
      </dl>
      {of.length > few.length && <p className="small mute">and {of.length - few.length} smaller ones</p>}
    </div>
  );
}

function AlertAct({ alert, what, onClose }: { alert: Alert; what: What; onClose: () => void }) {
  const path = { id: alert.id };
  const [opened] = useState(() => Date.now());
  const [hours, setHours] = useState<number>(24);
  const until = new Date(opened + hours * HOUR).toISOString();
  const said = {
    acknowledge: { text: "Others see that you look at it. It stays open until its rule holds again.", run: (reason: string) => post("/api/v1/alerts/{id}/acknowledge", { path, body: { reason: reason || null } }) },
    mute: { text: `It is silent until ${new Date(until).toLocaleString("en-GB")}, then it fires again if its rule still fails.`, run: (reason: string) => post("/api/v1/alerts/{id}/mute", { path, body: { until, reason: reason || null } }) },
    unmute: { text: "It fires again at once if its rule fails.", run: (reason: string) => post("/api/v1/alerts/{id}/unmute", { path, body: { reason: reason || null } }) },
    resolve: { text: "It is over. It opens again if the next window breaks its rule.", run: (reason: string) => post("/api/v1/alerts/{id}/resolve", { path, body: { reason: reason || null } }) },
  }[what];
  const command = { acknowledge: "ack", mute: `mute --for ${hours}h`, unmute: "unmute", resolve: "resolve" }[what];
  return (
    <Act title={`${sentence(what)}: ${alert.key}`} button={sentence(what)} onClose={onClose} needsReason={what === "mute" || what === "resolve"} run={said.run} done={<>{alert.key}: {what === "acknowledge" ? "acknowledged" : `${what}d`}.</>} command={(reason) => `kilter alert ${command} ${alert.id.slice(-8)}${reasonOption(reason)}`}>
      <p>{said.text}</p>
      {what === "mute" && <div className="pills" role="group" aria-label="Silent for">{MUTE_HOURS.map(([value, name]) => <button key={value} type="button" className="pill" aria-pressed={hours === value} onClick={() => setHours(value)}>{name}</button>)}</div>}
    </Act>
  );
}
