export { Models } from "./Models";
export { ModelPage } from "./ModelPage";
export { VersionPage } from "./VersionPage";
export { VersionDiff } from "./VersionDiff";
