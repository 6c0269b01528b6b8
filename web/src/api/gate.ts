//! Reads the sentence of a gate rule, as the server writes it: `auc = 0.7042 [0.6869, 0.721], required >= 0.62`.
//!
//! What has another form is shown as the sentence that it is. A server that sends the rules as numbers makes this file superfluous.
import type { State } from "./loop";

export type RuleSentence = {
  text: string;
  metric: string | null;
  value: number | null;
  low: number | null;
  high: number | null;
  operator: string | null;
  bound: number | null;
  isNote: boolean;
  state: State;
};

const NUMBER = String.raw`[-+]?\d[\d\u202f]*(?:\.\d+)?(?:e[-+]?\d+)?`;
const MEASURED = new RegExp(`^(.+?) = (${NUMBER})(?: \\[(${NUMBER}), (${NUMBER})\\])?,? required (>=|<=|>|<) (${NUMBER})`);

const number = (text: string | undefined): number | null => (text === undefined ? null : Number(text.replaceAll("\u202f", "")));

export function readRule(text: string): RuleSentence {
  const nothing = { text, metric: null, value: null, low: null, high: null, operator: null, bound: null };
  if (text.startsWith("note:")) return { ...nothing, text: text.slice(5).trim(), isNote: true, state: "none" };
  const found = MEASURED.exec(text);
  if (found === null) return { ...nothing, isNote: false, state: "thin" };
  const [, metric = "", value, low, high, operator = "", bound] = found;
  const rule = { text, metric, value: number(value), low: number(low), high: number(high), operator, bound: number(bound), isNote: false };
  return { ...rule, state: text.includes(": too close to decide") ? "wait" : ruleState(rule) };
}

/** Passed, near its limit (the interval reaches over it), or refused. The value alone decides, as in the server. */
function ruleState(rule: Omit<RuleSentence, "state">): State {
  const { value, low, high, operator, bound } = rule;
  if (value === null || bound === null) return "thin";
  const holds = (x: number): boolean => (operator === ">=" ? x >= bound : operator === ">" ? x > bound : operator === "<=" ? x <= bound : x < bound);
  if (!holds(value)) return "bad";
  const isClear = (low === null || holds(low)) && (high === null || holds(high));
  return isClear ? "ok" : "warn";
}
