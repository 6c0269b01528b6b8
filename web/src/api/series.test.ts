import { expect, it } from "vitest";
import type { Reading } from "./queries";
import { aligned, boundOf, seriesOf } from "./series";

const reading = (of: Partial<Reading>): Reading => ({ endpoint: "churn", monitor: "performance", metric: "auc", window_start: "1997-05-01T00:00:00Z", window_end: "1997-06-01T00:00:00Z", count: 10, as_of: "1997-06-01T00:00:00Z", estimated: false, default_rule: false, provisional: false, ...of }) as Reading;

it("of readings of one window the newest knowledge counts, oldest window first", () => {
  const [series] = seriesOf([
    reading({ value: 0.9, window_start: "1997-06-01T00:00:00Z" }),
    reading({ value: 0.7, as_of: "1997-08-01T00:00:00Z" }),
    reading({ value: 0.5, as_of: "1997-07-01T00:00:00Z" }),
  ]);
  expect(series?.points.map((p) => p.value)).toEqual([0.7, 0.9]);
});
it("what is estimated is never mixed with what was measured, and absent is not zero", () => {
  const all = seriesOf([reading({}), reading({ estimated: true, value: 0.8 })]);
  expect(all.map((s) => [s.isEstimated, s.points[0]?.value])).toEqual([[false, null], [true, 0.8]]);
});
it("reads the bound of a rule", () => {
  expect(["auc >= 0.68 over 1mo", "psi(*) < 0.25", "-"].map(boundOf)).toEqual([0.68, 0.25, null]);
});

it("keeps points that share a step, goes on where a line has none, and has a gap where a value is no number", () => {
  const run = (id: string, steps: number[], values: (number | null)[]) => ({ id, count: steps.length, steps, values });
  const { steps, lines } = aligned([run("a", [0, 50, 50, 60], [1, 1e9, 1, 2]), run("b", [0, 55, 60], [3, null, 4])]);
  expect(steps).toEqual([0, 50, 50, 55, 60]);
  expect(lines).toEqual([[1, 1e9, 1, undefined, 2], [3, undefined, undefined, null, 4]]);
});
