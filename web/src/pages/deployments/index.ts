export { Deployments } from "./Deployments";
export { DeploymentPage } from "./DeploymentPage";
