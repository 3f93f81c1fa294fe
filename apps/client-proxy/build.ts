/** Builds dist/client-proxy. Run as `bun apps/client-proxy/build.ts` from anywhere. */
import { compileService } from "../compile-service";

await compileService("client-proxy");
