//! What pages read, each with the key under which it is cached. The first part of a key names the kind of object that changes it.
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { type Schemas, get, post } from "./client";
import { keepCsrf } from "./session";

export type Model = Schemas["Model"];
export type Version = Schemas["Version"];
export type Alert = Schemas["Alert"];
export type Deployment = Schemas["Deployment"];
export type EndpointStatus = Schemas["EndpointStatus"];
export type Reading = Schemas["Reading"];
export type Objective = Schemas["Objective"];
export type InboxItem = Schemas["InboxItem"];
export type RunSummary = Schemas["RunSummary"];
export type Run = Schemas["Run"];
export type TrackedRun = Schemas["TrackedRun"];
export type AuditEntry = Schemas["AuditEntry"];
export type AuditRecord = Schemas["AuditRecord"];
export type MonitorKind = Schemas["MonitorKind"];
export type GateVerdict = Schemas["GateVerdict"];
export type Inventory = Schemas["Inventory"];

const MINUTE = 60_000;

export const whoami = queryOptions({
  queryKey: ["whoami"],
  queryFn: async ({ signal }) => {
    const me = await get("/api/v1/whoami", { signal });
    keepCsrf(me.csrf ?? null);
    return me;
  },
  staleTime: MINUTE,
});
export const loginOptions = queryOptions({ queryKey: ["login-options"], queryFn: ({ signal }) => get("/api/v1/login/options", { signal }), staleTime: MINUTE });
export const status = queryOptions({ queryKey: ["status"], queryFn: ({ signal }) => get("/api/v1/status", { signal }) });
export const inventory = queryOptions({ queryKey: ["inventory"], queryFn: ({ signal }) => get("/api/v1/inventory", { signal }) });
export const inbox = queryOptions({ queryKey: ["inbox"], queryFn: ({ signal }) => get("/api/v1/inbox", { signal }) });
export const models = queryOptions({ queryKey: ["models"], queryFn: ({ signal }) => get("/api/v1/models", { signal, query: { limit: 1000 } }) });
export const deployments = queryOptions({ queryKey: ["deployments"], queryFn: ({ signal }) => get("/api/v1/deployments", { signal, query: { limit: 1000 } }) });
export const alerts = (open: boolean) =>
  queryOptions({ queryKey: ["alerts", open], queryFn: ({ signal }) => get("/api/v1/alerts", { signal, query: { open, limit: 200 } }) });

export const asOf = (at: string) =>
  queryOptions({ queryKey: ["as-of", at], queryFn: ({ signal }) => get("/api/v1/status/as-of", { signal, query: { at } }), staleTime: Infinity });

export const version = (model: string, number: number) =>
  queryOptions({ queryKey: ["version", model, number], queryFn: ({ signal }) => get("/api/v1/models/{model}/versions/{version}", { signal, path: { model, version: number } }) });

export const objectives = (model: string) =>
  queryOptions({ queryKey: ["objectives", model], queryFn: ({ signal }) => get("/api/v1/models/{model}/objectives", { signal, path: { model } }) });

export const waivers = (model: string) =>
  queryOptions({ queryKey: ["waivers", model], queryFn: ({ signal }) => get("/api/v1/models/{model}/waivers", { signal, path: { model } }) });

export const proposals = (model: string) =>
  queryOptions({ queryKey: ["proposals", model], queryFn: ({ signal }) => get("/api/v1/models/{model}/proposals", { signal, path: { model } }) });

export const document = (model: string, number: number, kind: string) =>
  queryOptions({
    queryKey: ["document", model, number, kind],
    queryFn: ({ signal }) => get("/api/v1/models/{model}/versions/{version}/documents/{kind}", { signal, path: { model, version: number, kind } }),
  });

export const packageFiles = (model: string, digest: string) =>
  queryOptions({
    queryKey: ["package", model, digest],
    queryFn: ({ signal }) => get("/api/v1/models/{model}/packages/{digest}", { signal, path: { model, digest } }),
    staleTime: Infinity,
  });

export const endpoint = (name: string) =>
  queryOptions({ queryKey: ["endpoint", name], queryFn: ({ signal }) => get("/api/v1/endpoints/{endpoint}", { signal, path: { endpoint: name } }) });

export const comparison = (name: string) =>
  queryOptions({ queryKey: ["comparison", name], queryFn: ({ signal }) => get("/api/v1/endpoints/{endpoint}/comparison", { signal, path: { endpoint: name } }), refetchInterval: 15_000 });

export const latestReadings = (name: string) =>
  queryOptions({ queryKey: ["readings", name, "latest"], queryFn: ({ signal }) => get("/api/v1/endpoints/{endpoint}/readings/latest", { signal, path: { endpoint: name } }) });

export const columnStats = (name: string, since?: string) =>
  queryOptions({ queryKey: ["columns", name, since], queryFn: ({ signal }) => get("/api/v1/endpoints/{endpoint}/columns", { signal, path: { endpoint: name }, query: { since } }) });

/** Readings of one kind, newest first, page by page until there are `most` or none is left. */
export const readings = (name: string, of: { monitor: MonitorKind; metric?: string; part?: string }, most = 2000) =>
  queryOptions({
    queryKey: ["readings", name, of.monitor, of.metric, of.part, most],
    queryFn: async ({ signal }) => {
      const items: Reading[] = [];
      let cursor: string | null | undefined;
      do {
        const page = await get("/api/v1/endpoints/{endpoint}/readings", { signal, path: { endpoint: name }, query: { ...of, limit: Math.min(1000, most), cursor: cursor ?? undefined } });
        items.push(...page.items);
        cursor = page.next;
      } while (cursor && items.length < most);
      return { items, isCut: Boolean(cursor) };
    },
  });

export const runs = infiniteQueryOptions({
  queryKey: ["runs"],
  queryFn: ({ signal, pageParam }) => get("/api/v1/runs", { signal, query: { limit: 100, cursor: pageParam } }),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next ?? undefined,
});

export const run = (id: string) => queryOptions({ queryKey: ["run", id], queryFn: ({ signal }) => get("/api/v1/runs/{id}", { signal, path: { id } }) });

export const stepLog = (id: string, step: string) =>
  queryOptions({ queryKey: ["step-log", id, step], queryFn: ({ signal }) => get("/api/v1/runs/{id}/steps/{step}/log", { signal, path: { id, step } }) });

export const trackedRuns = (filter: string, orderBy: string[]) =>
  infiniteQueryOptions({
    queryKey: ["tracked-runs", filter, orderBy],
    queryFn: ({ signal, pageParam }) =>
      post("/api/v1/tracked-runs/search", { signal, body: { filter, order_by: orderBy, limit: 100, cursor: pageParam ?? null } }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
  });

export const trackedRun = (id: string) =>
  queryOptions({ queryKey: ["tracked-run", id], queryFn: ({ signal }) => get("/api/v1/tracked-runs/{id}", { signal, path: { id } }) });


/** Every point of a metric of a run, through the routes of MLflow. */
export const metricSeries = (ids: string[], metric: string, points: number) =>
  queryOptions({ queryKey: ["tracked-runs", "series", ids, metric, points], queryFn: () => post("/api/v1/tracked-runs/series", { body: { ids, metric, points } }) });

export const auditLog = infiniteQueryOptions({
  queryKey: ["audit"],
  queryFn: ({ signal, pageParam }) => get("/api/v1/audit", { signal, query: { limit: 100, cursor: pageParam } }),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.next ?? undefined,
});

export const auditHead = queryOptions({ queryKey: ["audit", "head"], queryFn: ({ signal }) => get("/api/v1/audit/checkpoint", { signal }) });
export const auditEntry = (entry: number) =>
  queryOptions({ queryKey: ["audit-entry", entry], queryFn: ({ signal }) => get("/api/v1/audit/{entry}", { signal, path: { entry } }), staleTime: Infinity });
export const auditReceipt = (entry: number) =>
  queryOptions({ queryKey: ["audit-receipt", entry], queryFn: ({ signal }) => get("/api/v1/audit/{entry}/receipt", { signal, path: { entry } }) });

export const accounts = queryOptions({ queryKey: ["accounts"], queryFn: ({ signal }) => get("/api/v1/accounts", { signal }), retry: false });
export const tokens = queryOptions({ queryKey: ["tokens"], queryFn: ({ signal }) => get("/api/v1/tokens", { signal }), retry: false });
export const signingKeys = queryOptions({ queryKey: ["keys"], queryFn: ({ signal }) => get("/api/v1/keys", { signal }) });
export const readiness = queryOptions({ queryKey: ["readiness"], queryFn: ({ signal }) => get("/ready", { signal }), retry: false });
export const health = queryOptions({ queryKey: ["health"], queryFn: ({ signal }) => get("/health", { signal }) });
