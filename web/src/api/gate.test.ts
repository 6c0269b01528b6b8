import { expect, it } from "vitest";
import { readRule } from "./gate";

const state = (text: string): string => readRule(text).state;

it("reads value, interval and limit of a rule", () => {
  expect(readRule("auc minus the champion's = -0.003592 [-0.0112, 0.007619], required >= 0.01")).toMatchObject({ metric: "auc minus the champion's", value: -0.003592, low: -0.0112, high: 0.007619, operator: ">=", bound: 0.01, state: "bad" });
});
it("is near its limit where the interval reaches over it, in both directions", () => {
  expect(state("auc = 0.7 [0.69, 0.71], required >= 0.62")).toBe("ok");
  expect(state("auc = 0.7 [0.61, 0.79], required >= 0.62")).toBe("warn");
  expect(state("ece = 0.02 [0.01, 0.04], required <= 0.03")).toBe("warn");
  expect(state("ece = 0.04, required <= 0.03")).toBe("bad");
});
it("is undecided where the server says so, and never passed where nothing is read", () => {
  expect(state("auc = 0.7 [0.61, 0.79], required >= 0.69: too close to decide")).toBe("wait");
  expect(state("auc was not measured: no label is known")).toBe("thin");
  expect(readRule("note: weakest where a = 1")).toMatchObject({ isNote: true, text: "weakest where a = 1", state: "none" });
});
