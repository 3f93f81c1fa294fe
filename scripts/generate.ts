/** Writes everything that is generated: `bun run generate`. Needs no network; CI runs it and wants an empty diff. */
import { dirname } from "node:path";
import { generateProtos } from "./generate-protos";
import { generateReference } from "./generate-reference";
import { generateRest } from "./generate-rest";
import { generateSql } from "./generate-sql";

const root = dirname(import.meta.dir);
generateProtos(root);
generateRest(root);
await generateSql(root);
await generateReference(root);
