import { describe, expect, it } from "vitest";
import { bytes, count, duration, interval, number, percent, plural, relative, shortId } from "./format";

const check = <A extends unknown[]>(f: (...a: A) => string, cases: [A, string][]): void => {
  for (const [input, output] of cases) expect(f(...input), JSON.stringify(input)).toBe(output);
};

describe("numbers", () => {
  it("have three to four significant digits, and absent ones are a dash", () => {
    check(number as (v: number | null) => string, [
      [[0.70424763], "0.7042"], [[0.7], "0.7"], [[8.373], "8.373"], [[40], "40"], [[0], "0"], [[-0.25540], "−0.2554"],
      [[12345.678], "12\u202f346"], [[1234.5], "1235"], [[0.00001234], "1.23e-5"], [[null], "–"], [[Number.NaN], "–"], [[100000], "100\u202f000"],
    ]);
  });
  it("have their interval as plus-minus if it is even, and as two ends if not", () => {
    check(interval, [
      [[0.7042, 0.6869, 0.721], "0.7042 ±.017"], [[0.1, 0.05, 0.4], "0.1 [0.05, 0.4]"], [[0.7, null, 0.8], "0.7"], [[null, 0, 1], "–"],
    ]);
  });
  it("are counted with thin spaces", () => {
    check(count, [[[1234], "1234"], [[1234567], "1\u202f234\u202f567"]]);
    check(percent, [[[0.1012], "10.1 %"], [[null], "–"]]);
    check(plural, [[[1, "model"], "1 model"], [[2, "model"], "2 models"], [[0, "entry", "entries"], "0 entries"]]);
    check(bytes, [[[67289], "67.3 kB"], [[12], "12 B"]]);
  });
});

describe("times", () => {
  it("are durations as people say them", () => {
    check(duration, [[[412], "412 ms"], [[14_000], "14 s"], [[840_000], "14 m"], [[7_800_000], "2 h 10 min"], [[259_200_000], "3 d"], [[-1], "–"]]);
  });
  it("are relative for a month, then a date", () => {
    const now = Date.parse("2026-12-01T12:00:00Z");
    check((at: string | null) => relative(at, now), [
      [["2026-12-01T11:59:40Z"], "now"], [["2026-12-01T11:30:00Z"], "30 min ago"], [["2026-11-29T12:00:00Z"], "2 d ago"],
      [["2026-12-04T12:00:00Z"], "in 3 d"], [["1998-06-01T00:00:00Z"], "1 Jun 1998"], [[null], "–"],
    ]);
  });
  it("have ids whose shown part differs", () => {
    expect(shortId("01a22fd6-4ea9-710a-bab1-525197e3679f")).toBe("97e3679f");
  });
});
