export { Monitors } from "./Monitors";
export { MonitorPage } from "./MonitorPage";
