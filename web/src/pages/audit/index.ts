export { Audit } from "./Audit";
export { EntryPage } from "./EntryPage";
