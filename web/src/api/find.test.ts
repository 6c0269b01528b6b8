import { expect, it } from "vitest";
import { type Target, best, nearest, score } from "./find";

const all: Target[] = [
  { name: "churn", href: "/models/churn", kind: "model" },
  { name: "churn@8", href: "/models/churn/8", kind: "version", ids: ["58aedd4790f6"] },
  { name: "credit-default", href: "/models/credit-default", kind: "model" },
  { name: "Audit", href: "/audit", kind: "page" },
];
const names = (query: string): string[] => best(query, all, 9).map((t) => t.name);

it("finds names by their beginning before their middle before their letters", () => {
  expect(names("churn")).toEqual(["churn", "churn@8"]);
  expect(names("default")).toEqual(["credit-default"]);
  expect(names("crdf")).toEqual(["credit-default"]);
  expect(names("zzz")).toEqual([]);
});
it("finds an object by the beginning of its digest, exactly", () => {
  expect(names("58aedd")).toEqual(["churn@8"]);
  expect(score("58aex", all[1]!)).toBe(0);
});
it("offers the nearest addresses to one that is none", () => {
  expect(nearest("/models/chrun", all, 1)[0]?.name).toBe("churn");
});
