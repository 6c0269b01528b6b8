import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { Failure, Skeleton } from "@/parts/basics";
import { NotFound } from "@/pages/NotFound";
import { Shell } from "./Shell";

const root = createRootRoute({ component: Shell, notFoundComponent: () => <NotFound />, errorComponent: ({ error, reset }) => <Failure error={error} retry={reset} /> });

/** A page that is loaded when it is gone to. */
const page = <P extends string>(path: P, load: () => Promise<Record<string, unknown>>, name: string) =>
  createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load as never, name as never) as never });

const model = () => import("@/pages/models");
const deployment = () => import("@/pages/deployments");
const run = () => import("@/pages/runs");
const audit = () => import("@/pages/audit");
const govern = () => import("@/pages/govern");
const build = () => import("@/pages/build");

const tree = root.addChildren([
  page("/", () => import("@/pages/portfolio/Portfolio"), "Portfolio"),
  page("/inbox", () => import("@/pages/inbox/Inbox"), "Inbox"),
  page("/models", model, "Models"),
  page("/models/$model", model, "ModelPage"),
  page("/models/$model/diff", model, "VersionDiff"),
  page("/models/$model/$version", model, "VersionPage"),
  page("/deployments", deployment, "Deployments"),
  page("/deployments/$endpoint", deployment, "DeploymentPage"),
  page("/monitors", () => import("@/pages/monitors"), "Monitors"),
  page("/monitors/$endpoint", () => import("@/pages/monitors"), "MonitorPage"),
  page("/monitors/$endpoint/$tab", () => import("@/pages/monitors"), "MonitorPage"),
  page("/runs", run, "Runs"),
  page("/runs/compare", run, "Compare"),
  page("/runs/$run", run, "RunPage"),
  page("/audit", audit, "Audit"),
  page("/audit/$entry", audit, "EntryPage"),
  page("/objectives", build, "Objectives"),
  page("/workflows", build, "Workflows"),
  page("/workflows/$project/runs/$run", build, "WorkflowRun"),
  page("/data", build, "Data"),
  page("/policies", govern, "Policies"),
  page("/settings", govern, "Settings"),
  page("/sign-in", govern, "SignIn"),
  page("/go/$any", () => import("@/pages/Go"), "Go"),
]);

export const router = createRouter({
  routeTree: tree,
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const text = new URLSearchParams(search as Record<string, string>).toString();
    return text === "" ? "" : `?${text}`;
  },
  defaultPreload: "intent",
  defaultPendingComponent: () => <Skeleton />,
  defaultPendingMs: 150,
  scrollRestoration: true,
});
