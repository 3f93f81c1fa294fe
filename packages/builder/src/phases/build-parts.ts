/** What a build works with; the same for all builds of a node. */
import type { Family, MirrorRule, PullImage } from "@sandlot/oci-images";
import type { ArtifactStore, ObjectStore } from "@sandlot/storage";
import type { Logger } from "@sandlot/telemetry";
import type { LayerIndex } from "../cache/layer-index";
import type { PendingLayers } from "../cache/pending-layers";
import type { BuildMachines } from "../machines";

export type BuildParts = {
  readonly machines: BuildMachines;
  readonly artifacts: ArtifactStore;
  /** Uploaded contexts and the index of layers. */
  readonly buildCache: ObjectStore;
  readonly index: LayerIndex;
  readonly pending: PendingLayers;
  readonly images: {
    readonly pull: PullImage;
    /** Shell text that makes an image of the family a template's base; run as root inside a machine of it. */
    readonly provisionScript: (family: Family) => string;
    /** Changes when what is done to images changes: part of their layers' keys. */
    readonly provisionVersion: string;
    readonly mirrors: readonly MirrorRule[];
  };
  readonly logger: Logger;
};
