/** Bounds of the product. Each names its unit; what happens at the bound is said where it is enforced. */

/** Sandboxes of one team on a self-hosted installation. */
export const DEFAULT_CONCURRENT_SANDBOXES = 200;
/** Longest life of one run of a sandbox, in hours. */
export const DEFAULT_MAX_LENGTH_HOURS = 24;
export const DEFAULT_MAX_CPU_COUNT = 8;
export const DEFAULT_MAX_MEMORY_MIB = 8192;
export const DEFAULT_MAX_DISK_MIB = 25_600;
export const DEFAULT_CONCURRENT_BUILDS = 20;
/** `POST /sandboxes` without `timeout` (behaviour §1.6). */
export const DEFAULT_TIMEOUT_S = 15;
/** `POST /v2/sandboxes` and v2 connect without `timeout` (behaviour §1.12). */
export const DEFAULT_TIMEOUT_V2_S = 300;
/** `POST …/refreshes` extends by at least this. */
export const MIN_REFRESH_S = 15;
export const MAX_PAGE = 100;
/** The oldest envd that can be told of a certificate authority (behaviour §1.6, `rules`). */
export const RULES_ENVD_VERSION = "0.5.13";
/** The oldest envd that knows access tokens. */
export const SECURE_ENVD_VERSION = "0.2.0";
/** The oldest envd whose sandboxes can be checkpointed. */
export const CHECKPOINT_ENVD_VERSION = "0.5.0";
/** Copies that one fork may ask for. */
export const MAX_FORK_COUNT = 100;
/** A sandbox woken by traffic lives at least this long. */
export const MIN_AUTO_RESUME_S = 300;
/** Where the daemon in a sandbox listens. */
export const ENVD_PORT = 49_983;
