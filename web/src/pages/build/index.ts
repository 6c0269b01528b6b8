export { Objectives } from "./Objectives";
export { Workflows, WorkflowRun } from "./Workflows";
export { Data } from "./Data";
