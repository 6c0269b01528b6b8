import type { State } from "@/api/loop";
import type { RunSummary, TrackedRun } from "@/api/queries";
import type { Schemas } from "@/api/client";
import { Chip } from "@/parts/basics";
import { sentence } from "@/words/format";

const runStates: Record<RunSummary["state"], State> = { queued: "none", running: "run", succeeded: "ok", failed: "bad", cancelled: "none", refused: "bad" };
export const stepStates: Record<Schemas["StepState"], State> = { queued: "none", running: "run", succeeded: "ok", failed: "bad", cancelled: "none", cached: "ok", skipped: "blocked", refused: "bad" };
const trackedStates: Record<string, State> = { scheduled: "none", running: "run", finished: "ok", failed: "bad", killed: "none" };

export const runChip = (state: RunSummary["state"]) => <Chip state={runStates[state]}>{sentence(state)}</Chip>;
export const stepChip = (state: Schemas["StepState"]) => <Chip state={stepStates[state]}>{sentence(state)}</Chip>;
export const trackedChip = (run: TrackedRun) => <Chip state={trackedStates[run.status] ?? "none"}>{sentence(run.status)}</Chip>;
export const runState = (state: RunSummary["state"]): State => runStates[state];
