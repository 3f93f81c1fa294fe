export { type ClientProxyConfig, loadClientProxyConfig } from "./config";
export { type ClientProxy, startClientProxy } from "./start";
