/** The control plane's service. */
export { type ApiConfig, loadApiConfig } from "./config";
export { type Api, startApi } from "./start";
