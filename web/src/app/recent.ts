//! Addresses that were visited last, newest first, in this browser.
const KEY = "kilter.recent";
export type Recent = { href: string; name: string };

export function recent(): Recent[] {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]") as Recent[];
  } catch {
    return [];
  }
}

export function remember(item: Recent): void {
  const items = [item, ...recent().filter((r) => r.href !== item.href)].slice(0, 12);
  try {
    localStorage.setItem(KEY, JSON.stringify(items));
  } catch {
    // Storage is off: nothing is remembered.
  }
}
