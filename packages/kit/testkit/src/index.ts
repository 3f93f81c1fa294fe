/** What tests of every room share: real servers, free ports, and the check that nothing stays behind. */
export { freePortRun, freePorts, isPortFree } from "@sandlot/host";
export { leavingNothing, leftBy } from "./leaks";
export {
  freePort,
  type PrivatePostgres,
  type PrivateRedis,
  startPrivatePostgres,
  startPrivateRedis,
  type TestServer,
  temporaryDirectory,
} from "./servers";
