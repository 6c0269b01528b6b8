import type { State } from "@/api/loop";
import type { Deployment } from "@/api/queries";

export const deploymentState: Record<Deployment["state"], State> = { requested: "run", shadow: "run", canary: "wait", live: "ok", superseded: "none", rolled_back: "bad", stopped: "none" };
export const stageText = (d: Pick<Deployment, "state" | "canary_percent">): string => (d.state === "canary" ? `Canary ${d.canary_percent ?? ""} %` : d.state.charAt(0).toUpperCase() + d.state.slice(1).replace("_", " "));
