import { expect, test } from "vitest";
import { reasonOption } from "./command";

test("a reason is one word for a shell, whatever it says", () => {
  expect(reasonOption("")).toBe("");
  expect(reasonOption("too slow")).toBe(" --reason 'too slow'");
  expect(reasonOption("it's $(late); `now`")).toBe(" --reason 'it'\\''s $(late); `now`'");
});
