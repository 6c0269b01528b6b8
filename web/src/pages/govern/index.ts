export { Policies } from "./Policies";
export { Settings } from "./Settings";
export { SignIn } from "./SignIn";
