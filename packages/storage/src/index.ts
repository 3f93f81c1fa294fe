export type { ArtifactStore, BuildManifest, LoadedBuild, ManifestFile, StagedBuild } from "./artifact-store";
export { storageFaults } from "./faults";
export type { ObjectStore, StoredObject } from "./object-store";
