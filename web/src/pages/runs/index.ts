export { Runs } from "./Runs";
export { RunPage } from "./RunPage";
export { Compare } from "./Compare";
