//! The six cells of a model, from what the API says of its parts.
//!
//! The words of a state are those of the server; which of them stands for a cell is decided here, in one place, until the server
//! sends the cells itself. Nothing is computed but counts.
import type { Alert, EndpointStatus, Inventory, Model, Objective, Version } from "./queries";

export type State = "ok" | "warn" | "bad" | "wait" | "none" | "run" | "blocked" | "thin";
export type Stage = "objective" | "validated" | "packaged" | "deployed" | "monitored" | "retrained";
export type Cell = { stage: Stage; state: State; word: string; detail: string | null; at: string | null; href: string };
export type Loop = Cell[];

export type ModelFacts = {
  model: Model;
  endpoints: EndpointStatus[];
  alerts: Alert[];
  objectives: Objective[] | undefined;
  inventory: Inventory["items"][number] | undefined;
};

const firing = (alert: Alert): boolean => alert.state === "firing" || alert.state === "acknowledged";
const breaching = new Set<Alert["kind"]>(["performance", "bias", "objective", "promotion", "unknown_class"]);
/** How bad an alert of a kind is: a broken promise, or a sign. */
export const alertState = (alert: Alert): State => (alert.state === "muted" || alert.state === "resolved" ? "none" : breaching.has(alert.kind) ? "bad" : "warn");

/** The version that a loop is about: what is on its way, else what is live, else the newest. */
export function versionInFocus(facts: Pick<ModelFacts, "model" | "endpoints">): Version | undefined {
  const numbers = [...facts.endpoints.map((e) => e.candidate?.version), ...facts.endpoints.map((e) => e.live?.version)];
  const number = numbers.find((n) => n !== undefined);
  return facts.model.versions.find((v) => v.number === number) ?? facts.model.versions[0];
}

export function loopOf(facts: ModelFacts, version = versionInFocus(facts)): Loop {
  return [objectiveCell(facts), validatedCell(facts, version), packagedCell(facts, version), deployedCell(facts, version), monitoredCell(facts), retrainedCell(facts, version)];
}

const modelHref = (facts: ModelFacts): string => `/models/${encodeURIComponent(facts.model.name)}`;
const versionHref = (facts: ModelFacts, version: Version): string => `${modelHref(facts)}/${version.number}`;

function objectiveCell(facts: ModelFacts): Cell {
  const cell = { stage: "objective" as const, at: null, href: `/objectives?model=${encodeURIComponent(facts.model.name)}` };
  const objectives = facts.objectives ?? [];
  const first = objectives[0];
  if (first === undefined) return { ...cell, state: "none", word: "Not stated", detail: null };
  const newest = objectives.map((o) => o.readings[0]);
  const at = newest.find((r) => r)?.at ?? null;
  const missed = objectives.find((o) => o.readings[0]?.is_met === false);
  if (missed) return { ...cell, at, state: "bad", word: "Missed", detail: `${missed.kpi ?? missed.name} ${missed.target ?? ""}` };
  if (newest.every((r) => r?.is_met === true)) return { ...cell, at, state: "ok", word: "Met", detail: `${first.kpi ?? first.name} ${first.target ?? ""}` };
  return { ...cell, at, state: "thin", word: "Not measured", detail: `${first.kpi ?? first.name} ${first.target ?? ""}` };
}

function validatedCell(facts: ModelFacts, version: Version | undefined): Cell {
  const cell = { stage: "validated" as const, at: version?.gates?.[0]?.at ?? null, href: version ? versionHref(facts, version) : modelHref(facts) };
  if (version === undefined) return { ...cell, state: "none", word: "Not yet", detail: null };
  const gates = version.gates ?? [];
  const failed = gates.filter((g) => g.verdict === "failed").length;
  const open = gates.filter((g) => g.verdict === "undecided").length;
  const detail = gates.length > 0 ? `v${version.number} · ${gates.length - failed - open} of ${gates.length} ${gates.length === 1 ? "gate" : "gates"} passed` : `v${version.number}`;
  if (failed > 0 || version.state === "rejected") return { ...cell, state: "bad", word: "Refused", detail };
  if (version.state === "revoked") return { ...cell, state: "bad", word: "Revoked", detail };
  if (open > 0 || version.state === "candidate") return { ...cell, state: "wait", word: "Undecided", detail };
  if (version.state === "draft") return { ...cell, state: "none", word: "Draft", detail };
  return { ...cell, state: "ok", word: "Passed", detail };
}

function packagedCell(facts: ModelFacts, version: Version | undefined): Cell {
  const cell = { stage: "packaged" as const, at: version?.created ?? null };
  if (version === undefined) return { ...cell, state: "none", word: "Not yet", detail: null, href: modelHref(facts) };
  return { ...cell, state: "ok", word: "Packaged", detail: `v${version.number} · ${version.digest.slice(0, 8)}`, href: `${versionHref(facts, version)}?tab=files` };
}

function deployedCell(facts: ModelFacts, version: Version | undefined): Cell {
  const endpoint = facts.endpoints.find((e) => e.candidate?.version === version?.number) ?? facts.endpoints[0];
  const cell = { stage: "deployed" as const, at: endpoint?.candidate?.created ?? endpoint?.live?.live_since ?? null, href: endpoint ? `/deployments/${encodeURIComponent(endpoint.name)}` : modelHref(facts) };
  if (endpoint?.refused) return { ...cell, state: "bad", word: "Failed", detail: endpoint.refused };
  const { candidate, live } = endpoint ?? {};
  if (candidate && candidate.state === "canary") return { ...cell, state: "wait", word: `Canary ${candidate.canary_percent ?? ""} %`, detail: live ? `v${candidate.version} beside v${live.version}` : `v${candidate.version}` };
  if (candidate) return { ...cell, state: "run", word: candidate.state === "shadow" ? "Shadow" : "Asked for", detail: live ? `v${candidate.version} beside v${live.version}` : `v${candidate.version}` };
  if (live) return { ...cell, state: "ok", word: "Live", detail: `v${live.version} at ${live.endpoint}` };
  if (version === undefined) return { ...cell, state: "none", word: "Not yet", detail: null };
  if (version.state === "rejected" || version.state === "revoked") return { ...cell, state: "blocked", word: "Blocked", detail: `v${version.number} is ${version.state}` };
  if (version.state === "validated") return { ...cell, state: "wait", word: "Needs approval", detail: `v${version.number}` };
  return { ...cell, state: "none", word: "Not yet", detail: null };
}

function monitoredCell(facts: ModelFacts): Cell {
  const endpoint = facts.endpoints[0];
  const cell = { stage: "monitored" as const, at: null, href: endpoint ? `/monitors/${encodeURIComponent(endpoint.name)}` : modelHref(facts) };
  if (!endpoint?.live) return { ...cell, state: "none", word: "Not yet", detail: null };
  const open = facts.alerts.filter(firing);
  const worst = open.find((a) => alertState(a) === "bad") ?? open[0];
  if (worst) return { ...cell, at: worst.fired ?? worst.opened, state: alertState(worst), word: alertState(worst) === "bad" ? "Breached" : "At risk", detail: `${worst.kind.replaceAll("_", " ")}${open.length > 1 ? ` and ${open.length - 1} more` : ""}` };
  return { ...cell, state: "ok", word: "No alert", detail: `${endpoint.open_alerts} open` };
}

function retrainedCell(facts: ModelFacts, version: Version | undefined): Cell {
  const newest = facts.model.versions[0];
  const cell = { stage: "retrained" as const, at: newest?.created ?? null, href: newest?.run ? `/runs/${newest.run}` : modelHref(facts) };
  if (newest === undefined || facts.model.versions.length < 2) return { ...cell, at: null, state: "none", word: "Not yet", detail: null };
  if (newest.state === "rejected") return { ...cell, state: "bad", word: "Refused", detail: `v${newest.number}` };
  if (newest.number === version?.number) return { ...cell, state: "ok", word: "Retrained", detail: `v${newest.number}` };
  return { ...cell, state: newest.state === "approved" ? "ok" : "wait", word: newest.state.charAt(0).toUpperCase() + newest.state.slice(1), detail: `v${newest.number}` };
}

/** Text of the mark for terminals, notebooks and copies. */
export const glyphs: Record<State, string> = { ok: "✓", warn: "▲", bad: "✕", wait: "◆", none: "–", run: "◌", blocked: "⊘", thin: "▨" };
export const loopText = (loop: Loop): string => loop.map((cell) => glyphs[cell.state]).join("");

const rank: Record<State, number> = { bad: 0, wait: 1, warn: 2, blocked: 3, run: 4, thin: 5, none: 6, ok: 7 };
export const worst = (loop: Loop): Cell | undefined => [...loop].sort((a, b) => rank[a.state] - rank[b.state])[0];
export const attentionRank = (loop: Loop): number => Math.min(...loop.map((cell) => rank[cell.state]));
