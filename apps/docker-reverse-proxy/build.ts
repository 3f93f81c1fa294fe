/** Builds dist/docker-reverse-proxy. Run as `bun apps/docker-reverse-proxy/build.ts` from anywhere. */
import { compileService } from "../compile-service";

await compileService("docker-reverse-proxy");
