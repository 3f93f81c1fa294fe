/** Builds dist/orchestrator. Run as `bun apps/orchestrator/build.ts` from anywhere. */
import { compileService } from "../compile-service";

await compileService("orchestrator");
