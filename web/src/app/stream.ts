//! What changed on the server: its stream of changes; while that does not answer, the head of the audit log, asked every ten seconds.
//! Only queries about what changed are asked again.
import type { QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { get } from "@/api/client";
import { actorHeaders } from "@/api/session";

type Health = { state: "live" | "polling" | "stale"; heard: number };
const POLL_MS = 10_000;
const STALE_MS = 25_000;
/** Kinds of objects of the audit log, and the first part of the keys of queries about them. */
const queriesOf: Record<string, string[]> = {
  version: ["models", "version", "inbox", "inventory", "document"], verdict: ["models", "version"], deployment: ["status", "deployments", "endpoint", "comparison"],
  run: ["runs", "run", "tracked-runs"], alert: ["alerts", "status", "inventory"], waiver: ["waivers", "version", "inbox"], objective: ["objectives"],
  endpoint: ["status", "endpoint"], proposal: ["proposals", "inbox"], account: ["accounts"], token: ["tokens"], key: ["keys"], retrain: ["runs"],
};

let health: Health = { state: "polling", heard: Date.now() };
const listeners = new Set<() => void>();
const set = (next: Health): void => {
  health = next;
  for (const listener of listeners) listener();
};
export const useStream = (): Health => useSyncExternalStore((l) => { listeners.add(l); return () => void listeners.delete(l); }, () => health);

/** Asks again what is about `object` (`version:churn/8`). */
export function refetchAbout(client: QueryClient, object: string): void {
  const names = queriesOf[object.split(":")[0] ?? ""] ?? [];
  for (const name of ["audit", ...names]) void client.invalidateQueries({ queryKey: [name] });
}

async function readStream(client: QueryClient, signal: AbortSignal): Promise<boolean> {
  const response = await fetch("/api/v1/changes", { headers: { accept: "text/event-stream", ...actorHeaders() }, signal }).catch(() => null);
  if (!response?.ok || !response.body || !response.headers.get("content-type")?.startsWith("text/event-stream")) return false;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return true;
    set({ state: "live", heard: Date.now() });
    rest += value;
    const events = rest.split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      const data = /^data: ?(.*)$/m.exec(event)?.[1];
      if (data) refetchAbout(client, (JSON.parse(data) as { object: string }).object);
    }
  }
}

/** Follows the server until it is stopped. */
export function follow(client: QueryClient): () => void {
  const stop = new AbortController();
  let newest = 0;
  const poll = async (): Promise<void> => {
    if (document.hidden) return;
    try {
      const page = await get("/api/v1/audit", { query: { limit: 20 }, signal: stop.signal });
      set({ state: "polling", heard: Date.now() });
      const fresh = page.items.filter((entry) => newest > 0 && entry.seq > newest);
      for (const object of new Set(fresh.map((entry) => entry.object))) refetchAbout(client, object);
      newest = page.items[0]?.seq ?? newest;
    } catch {
      if (Date.now() - health.heard > STALE_MS) set({ ...health, state: "stale" });
    }
  };
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      if (await readStream(client, stop.signal).catch(() => false)) continue;
      await poll();
      await new Promise((wake) => setTimeout(wake, POLL_MS));
    }
  };
  void run();
  return () => stop.abort();
}
