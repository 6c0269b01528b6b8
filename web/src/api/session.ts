//! Who asks: a token (of a login, or pasted), or in single-user mode a name.
//!
//! Kept for the tab (`sessionStorage`), the name for the browser. Nothing else is stored of a person.

const TOKEN = "kilter.token";
const NAME = "kilter.actor";
const listeners = new Set<() => void>();

function read(store: () => Storage, key: string): string | null {
  try {
    return store().getItem(key);
  } catch {
    return null;
  }
}

function write(store: () => Storage, key: string, value: string | null): void {
  try {
    if (value === null) store().removeItem(key);
    else store().setItem(key, value);
  } catch {
    // Storage is off: it is forgotten with the page.
  }
}

let token = typeof sessionStorage === "undefined" ? null : read(() => sessionStorage, TOKEN);
let actor = typeof localStorage === "undefined" ? null : read(() => localStorage, NAME);

export function actorHeaders(): Record<string, string> {
  if (token !== null) return { authorization: `Bearer ${token}` };
  return actor === null ? {} : { "x-kilter-actor": actor };
}

export function keepToken(value: string): void {
  token = value;
  write(() => sessionStorage, TOKEN, value);
  tell();
}

export function keepActor(value: string | null): void {
  actor = value;
  write(() => localStorage, NAME, value);
  tell();
}

export function forgetSession(): void {
  if (token === null) return;
  token = null;
  write(() => sessionStorage, TOKEN, null);
  tell();
}

export const hasToken = (): boolean => token !== null;
export const statedActor = (): string | null => actor;

export function onSessionChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function tell(): void {
  for (const listener of listeners) listener();
}
