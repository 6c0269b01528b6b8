//! Words of the UI. Verdict words are those of `docs/glossary.md`.
import type { Stage, State } from "@/api/loop";

export const stages: Record<Stage, string> = { objective: "Objective", validated: "Validated", packaged: "Packaged", deployed: "Deployed", monitored: "Monitored", retrained: "Retrained" };
export const stateWords: Record<State, string> = { ok: "Healthy", warn: "At risk", bad: "Breached", wait: "Needs a decision", none: "Not yet", run: "Running", blocked: "Blocked", thin: "Not enough data" };

export type Place = { to: string; name: string; key: string | null; group: string | null; icon: string; hint: string };
export const places: Place[] = [
  { to: "/", name: "Portfolio", key: "p", group: null, icon: "portfolio", hint: "which models, are they all right, what needs me" },
  { to: "/inbox", name: "Inbox", key: "i", group: null, icon: "inbox", hint: "things that wait for a person" },
  { to: "/objectives", name: "Objectives", key: "b", group: "Build", icon: "target", hint: "what the business wants" },
  { to: "/runs", name: "Runs", key: "r", group: "Build", icon: "runs", hint: "what was executed, and what came of it" },
  { to: "/workflows", name: "Workflows", key: "w", group: "Build", icon: "flow", hint: "steps, and where the time goes" },
  { to: "/data", name: "Data", key: "t", group: "Build", icon: "data", hint: "datasets, their columns, who uses them" },
  { to: "/models", name: "Models", key: "m", group: "Ship", icon: "model", hint: "versions with their evidence" },
  { to: "/deployments", name: "Deployments", key: "d", group: "Ship", icon: "deploy", hint: "what answers where" },
  { to: "/monitors", name: "Monitors", key: "o", group: "Watch", icon: "monitor", hint: "performance, drift, bias, usage" },
  { to: "/audit", name: "Audit", key: "a", group: "Govern", icon: "audit", hint: "who did what, verified" },
  { to: "/policies", name: "Policies", key: "l", group: "Govern", icon: "policy", hint: "gates, approvals, waivers" },
];
export const settingsPlace: Place = { to: "/settings", name: "Settings", key: "s", group: null, icon: "settings", hint: "people, tokens, keys, this server" };

export const keys: [string, string][] = [
  ["⌘K or Ctrl-K", "search, or run a command"], ["/", "filter this page"], ["j  k", "next, previous row"], ["Enter", "open the row"], ["x", "select the row"],
  ["c", "compare what is selected"], [".", "actions of this page"], ["y", "copy the link of this view"], ["Y", "copy it as a command"], ["t", "light or dark"], ["[", "fold the side bar"], ["?", "this sheet"],
];

export const words = {
  skip: "Skip to the content",
  search: "Search or run…",
  needsYou: "Nothing waits for you.",
  retry: "Try again",
  loading: "Loading",
  copied: "Copied",
  asOfNow: "Back to now",
  live: "live",
  notThere: "There is nothing at this address",
  reasonLabel: "Reason, for the audit log",
  notEnough: "Not enough data",
} as const;
