import { useSyncExternalStore } from "react";

/** One clock for every relative time of the page: it moves each half minute. */
let now = Date.now();
const listeners = new Set<() => void>();
if (typeof window !== "undefined") {
  window.setInterval(() => {
    now = Date.now();
    for (const listener of listeners) listener();
  }, 30_000);
}
const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};
export const useNow = (): number => useSyncExternalStore(subscribe, () => now);
