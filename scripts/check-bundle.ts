/** envd ships into every guest: what goes into its bundle, and how large that is. Called by check.ts. */
import { join } from "node:path";
import { ROOT } from "./check/workspace";

/** Minified JavaScript, without Bun itself. Raise it in the change that needs it, and say why there. */
const ENVD_BUDGET_BYTES = 260_000;

/** Of third parties: each must be wanted inside every sandbox. */
const ENVD_MAY_HOLD = ["@bufbuild/protobuf", "@connectrpc/connect", "@fastify/busboy"];

export async function checkBundle(): Promise<string[]> {
  const built = await Bun.build({
    entrypoints: [join(ROOT, "apps/envd/main.ts")],
    target: "bun",
    minify: true,
    metafile: true,
  });
  const sizeBytes = (
    await Promise.all(built.outputs.map(async (part) => (await part.arrayBuffer()).byteLength))
  ).reduce((sum, size) => sum + size, 0);
  console.log(`envd's bundle: ${sizeBytes} of ${ENVD_BUDGET_BYTES} bytes`);
  const problems =
    sizeBytes > ENVD_BUDGET_BYTES ? [`envd's bundle has ${sizeBytes} bytes, its budget is ${ENVD_BUDGET_BYTES}`] : [];
  const inputs = Object.keys((built as { metafile?: { inputs: Record<string, unknown> } }).metafile?.inputs ?? {});
  const foreign = new Set(inputs.flatMap((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []));
  const extra = [...foreign].filter((name) => !name.startsWith("@sandlot/") && !ENVD_MAY_HOLD.includes(name));
  return [...problems, ...extra.map((name) => `envd's bundle holds ${name}`)];
}
