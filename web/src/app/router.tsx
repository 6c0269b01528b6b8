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

const tree = root.addChildren([
  page("/", () => import("@/pages/portfolio/Portfolio"), "Portfolio"),
  page("/inbox", () => import("@/pages/inbox/Inbox"), "Inbox"),
  page("/models", model, "Models"),
  page("/models/$model", model, "ModelPage"),
  page("/models/$model/diff", model, "VersionDiff"),
  page("/models/$model/$version", model, "VersionPage"),
  page("/deployments", deployment, "Deployments"),
  page("/deployments/$endpoint", deployment, "DeploymentPage"),
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
