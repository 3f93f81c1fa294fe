export type {
  ArtifactStore,
  BuildManifest,
  LoadedBuild,
  ManifestFile,
  ManifestLayer,
  RuntimeName,
  StagedBuild,
} from "./artifact-store";
export { guestLayersInUse, installBuild } from "./artifacts/install-build";
export { storedMemoryBytes } from "./artifacts/manifest";
export { type OpenArtifactStore, openArtifactStore } from "./artifacts/open-artifact-store";
export { type StorageConfig, storageConfig } from "./config";
export { type InspectedContext, inspectContext } from "./contexts/inspect-context";
export { type ContextLimits, contextLimits, TarInspector } from "./contexts/tar-inspector";
export { storageFaults } from "./faults";
export type { ObjectStore, StoredObject } from "./object-store";
export { type ObjectStorePlace, openObjectStore } from "./objects/open-object-store";
export type { S3Settings } from "./s3-settings";
export { variantId } from "./variant-id";
