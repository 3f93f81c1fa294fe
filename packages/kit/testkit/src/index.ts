export { freePort } from "./free-port";
export { type PrivatePostgres, startPrivatePostgres } from "./private-postgres";
export { type PrivateRedis, startPrivateRedis } from "./private-redis";
