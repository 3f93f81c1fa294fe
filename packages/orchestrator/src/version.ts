import { version } from "../package.json";

/** Version of this service, as InfoService reports it. */
export const VERSION = version;
/** Of the envd in this release's guest layer, which lies on top of every machine that boots. Source: wire contract §2. */
export const ENVD_VERSION = "0.6.13";
