import { version } from "../package.json";

/** Version of this service, as InfoService reports it. */
export const VERSION = version;
