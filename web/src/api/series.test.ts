import { expect, it } from "vitest";
import type { Reading } from "./queries";
import { boundOf, seriesOf } from "./series";

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
