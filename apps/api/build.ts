/** Builds dist/api. Run as `bun apps/api/build.ts` from anywhere. */
import { compileService } from "../compile-service";

await compileService("api");
