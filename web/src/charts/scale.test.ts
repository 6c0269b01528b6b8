import { expect, it } from "vitest";
import { path, scale, timeTicks } from "./scale";

it("draws a gap where there is no value, never a line over it", () => {
  expect(path([[0, 1], [1, null], [2, 3], [3, 4]])).toBe("M0.0,1.0M2.0,3.0L3.0,4.0");
});
it("puts a range without length in the middle", () => expect(scale([3, 3], [0, 10])(3)).toBe(5));
it("has beginnings of months for a year, and hours for a day", () => {
  const year = timeTicks([Date.UTC(1997, 4, 1), Date.UTC(1998, 5, 30)], 7).map((t) => t.text);
  expect(year).toEqual(["May", "Jul", "Sep", "Nov", "1998", "Mar", "May"]);
  expect(timeTicks([Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 2)], 4).map((t) => t.text)).toContain("12:00");
});
