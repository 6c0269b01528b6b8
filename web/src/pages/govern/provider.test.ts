import { beforeEach, describe, expect, test, vi } from "vitest";
import { backTo, finishLogin, rememberLogin } from "./provider";

const kept = new Map<string, string>();
beforeEach(() => {
  kept.clear();
  vi.stubGlobal("location", { origin: "http://127.0.0.1:8484" });
  vi.stubGlobal("sessionStorage", { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value), removeItem: (key: string) => void kept.delete(key) });
});

describe("the way back", () => {
  test.each([
    ["/models/churn?asof=2026-01-01", "/models/churn?asof=2026-01-01"],
    ["//evil.example/x", "/"],
    ["/\\evil.example", "/"],
    ["https://evil.example", "/"],
    ["javascript:alert(1)", "/"],
    [undefined, "/"],
  ])("%s leads to %s", (path, to) => expect(backTo(path)).toBe(to));
});

describe("a login by the provider", () => {
  const login = { url: "http://provider/x", returned: "state", nonce: "nonce", verifier: "verifier" };
  test("ends with what it began with, once", () => {
    rememberLogin(login, "/inbox");
    const code = { code: "c", redirect_uri: "http://127.0.0.1:8484/sign-in", nonce: "nonce", verifier: "verifier" };
    expect(finishLogin({ code: "c", state: "state" })).toEqual({ code, to: "/inbox" });
    expect(finishLogin({ code: "c", state: "state" })).toBeNull();
  });
  test("of another one is not ended", () => {
    expect(finishLogin({ code: "c", state: "state" })).toBeNull();
    rememberLogin(login, "/");
    expect(finishLogin({ code: "c", state: "other" })).toBeNull();
  });
});
