export { type DockerReverseProxyConfig, dockerReverseProxyConfig } from "./config";
export { type DockerReverseProxy, startDockerReverseProxy } from "./start";
