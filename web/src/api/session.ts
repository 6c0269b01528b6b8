//! Who asks: a session whose cookie no script can read, or in single-user mode a name.
//!
//! The name is kept for the browser. Of a session only the word is known, and forgotten with the page, that requests which act carry
//! beside the cookie.

const NAME = "kilter.actor";
const listeners = new Set<() => void>();

function stored(): string | null {
  try {
    return localStorage.getItem(NAME);
  } catch {
    return null;
  }
}

let actor = typeof localStorage === "undefined" ? null : stored();
let csrf: string | null | undefined;

/** What a request says of who asks. */
export function actorHeaders(): Record<string, string> {
  const headers: Record<string, string> = actor === null ? {} : { "x-kilter-actor": actor };
  if (csrf) headers["x-kilter-csrf"] = csrf;
  return headers;
}

/** Whether it is known if there is a session: before, nothing acts. */
export const knowsSession = (): boolean => csrf !== undefined;

/** Keeps the word of the session; `null` where there is none. */
export function keepCsrf(word: string | null): void {
  const before = csrf;
  csrf = word;
  // What was asked before the first answer went by the same cookie.
  if (before !== undefined && before !== word) tell();
}

export const hasSession = (): boolean => Boolean(csrf);

export function keepActor(value: string | null): void {
  actor = value;
  try {
    if (value === null) localStorage.removeItem(NAME);
    else localStorage.setItem(NAME, value);
  } catch {
    // Storage is off: it is forgotten with the page.
  }
  tell();
}

export const statedActor = (): string | null => actor;

export function onSessionChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function tell(): void {
  for (const listener of listeners) listener();
}
