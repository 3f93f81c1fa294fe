/** What the operations on templates need besides what sandboxes need. */
import type { MirrorRule } from "@sandlot/oci-images";
import type { SandboxParts } from "../sandboxes/parts";
import type { BuildWatch } from "./build-watch";

export type TemplateParts = Pick<SandboxParts, "db" | "nodes" | "state" | "clock" | "events" | "tokenSeed"> & {
  readonly builds: BuildWatch;
  /** Which templates stand for which images, and which mirrors for which registries. */
  readonly mirrors: readonly MirrorRule[];
};
