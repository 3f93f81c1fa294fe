/**
 * Builds: what machines are started from. A local directory is always the working copy; an object store behind it, when
 * configured, holds every committed build for other nodes and for the day the disk is lost.
 *
 * `builds/<buildId>/build.json` (the manifest), `builds/<buildId>/memory/…`, `layers/<sha256>.<kind>`, `guest/<hash>/…`.
 * What a template was made for beside the runtime of its own layers lies in a build of its own, `<buildId>.<runtime>`.
 */

export type ManifestFile = {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** What it took on the disk where it was committed, if that was less: it has holes. */
  readonly storedBytes?: number;
};

export type RuntimeName = "container" | "qemu" | "firecracker";

/** What a microVM has changed on its own disk, as its runtime keeps it; the store does not look inside. */
export type DiskKind = "qcow2" | "raw-diff";

/** `layers/<sha256>.<kind>`; without a kind it is an erofs image. */
export type ManifestLayer = { readonly sha256: string; readonly sizeBytes: number; readonly kind?: DiskKind };

/**
 * Version 2 of `build.json`. Version 1 (no sizes, no checksums, no memory) is still read. On the disk one that names a layer of
 * another kind than erofs is marked version 3, so that a release that knows no kinds refuses it instead of missing a file.
 */
export type BuildManifest = {
  readonly version: 2;
  readonly buildId: string;
  readonly createdAt: string;
  /** Newest first. */
  readonly layers: readonly ManifestLayer[];
  /** What machines of it may be made by. Absent in builds of before there was a choice: `container` alone. */
  readonly runtimes?: readonly RuntimeName[];
  /** Version of the kernel that its machine ran on, where that is not the host's. */
  readonly kernel?: string;
  readonly memory?: {
    /** As in the runtime contract's `SealedMemory`: the storage door does not look inside. */
    readonly runtime: RuntimeName;
    readonly format: string;
    readonly files: readonly ManifestFile[];
    /** Name below `guest/` of the guest layer the memory was sealed on. */
    readonly guestLayer: string;
  };
  readonly user: string;
  readonly workdir: string;
  /** Variables of the build's steps: for child builds and the start command, not for later commands. */
  readonly envs: Readonly<Record<string, string>>;
  readonly startCmd?: string;
  readonly readyCmd?: string;
  readonly envdVersion: string;
};

/** A build whose files all lie on this node's disk and are what the manifest says. */
export type LoadedBuild = {
  readonly manifest: BuildManifest;
  /** Absolute paths, newest first. */
  readonly layerPaths: readonly string[];
  /** The same with their kinds. */
  readonly layers: readonly { readonly kind: "erofs" | DiskKind; readonly path: string }[];
  readonly memoryDir?: string;
  readonly guestLayerDir?: string;
};

/** A directory on the artifacts' own file system; disposing of it removes what was not committed. */
export type StagedBuild = AsyncDisposable & { readonly directory: string };

export type ArtifactStore = AsyncDisposable & {
  /** Survives a crash as nothing: the next start empties the staging place. */
  stage(of?: {
    /** Layers that the build will name, for which `collect` has regard as long as it is staged. */
    layers?: readonly ManifestLayer[];
  }): Promise<StagedBuild>;
  /**
   * Makes a build of what was staged: `layer` (a file name inside) becomes `layers/<sha256>.<kind>`, `memory/` of the directory
   * the build's memory. Durable when it resolves: files, directories and manifest are synced, the manifest last. The upload
   * goes on in the background, across restarts, and nobody waits for it. `manifest.layers[0]` is the staged layer; all
   * others must be here.
   * @returns the manifest as it was written, with what the files take
   * @throws Fault `storage_exists` for a build that is there, `storage_incomplete` when staged files are not what the
   *   manifest says, `storage_missing` when a layer is not here, `storage_disk_full`
   */
  commit(of: { manifest: BuildManifest; staged: StagedBuild; layer?: string }): Promise<BuildManifest>;
  /**
   * Fetches what is not here yet and verifies what has not been verified since it was written or fetched.
   * @throws Fault `storage_missing` when the build or a file of it is nowhere, `storage_corrupt` when a file differs
   */
  load(buildId: string, signal: AbortSignal): Promise<LoadedBuild>;
  /** Whether the build is committed here or in the object store. */
  has(buildId: string, signal: AbortSignal): Promise<boolean>;
  /** Removes manifests and memory here and in the object store; layers go when `collect` finds nobody who refers to them. */
  remove(buildIds: readonly string[], signal: AbortSignal): Promise<void>;
  /** Removes local layers and guest layers that no manifest and no pinned path refers to. Returns bytes given back. */
  collect(pinned: { layerPaths: ReadonlySet<string>; guestLayers: ReadonlySet<string> }): Promise<number>;
  /** Builds committed here and not yet in the object store. */
  readonly pendingUploads: number;
};
