//! A login by the OpenID provider: what this tab keeps while the person is there, and what it sends when they come back.
import type { Schemas } from "@/api/client";

const LOGIN = "kilter.login";
type Begun = Schemas["ProviderLogin"] & { to: string };

/** A path of this server; anything else leads to the first page. */
export function backTo(path: string | undefined): string {
  if (!path?.startsWith("/")) return "/";
  const url = new URL(path, location.origin);
  return url.origin === location.origin && !url.pathname.startsWith("//") ? url.pathname + url.search : "/";
}

export function rememberLogin(login: Schemas["ProviderLogin"], to: string): void {
  sessionStorage.setItem(LOGIN, JSON.stringify({ ...login, to } satisfies Begun));
}

/** What ends the login that this tab began; `null` where it began none, or another one comes back. */
export function finishLogin(search: Record<string, string>): { code: Schemas["FinishProviderLogin"]; to: string } | null {
  const begun = sessionStorage.getItem(LOGIN);
  if (begun === null || (search["code"] === undefined && search["error"] === undefined)) return null;
  // It is good for one return.
  sessionStorage.removeItem(LOGIN);
  const { returned, nonce, verifier, to } = JSON.parse(begun) as Begun;
  const code = search["code"];
  if (code === undefined || search["state"] !== returned) return null;
  return { code: { code, redirect_uri: `${location.origin}/sign-in`, nonce, verifier }, to: backTo(to) };
}
