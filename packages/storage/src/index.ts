export type { ArtifactStore, BuildManifest, LoadedBuild, ManifestFile, StagedBuild } from "./artifact-store";
export { type OpenArtifactStore, openArtifactStore } from "./artifacts/open-artifact-store";
export { type InspectedContext, inspectContext } from "./contexts/inspect-context";
export { type ContextLimits, contextLimits, TarInspector } from "./contexts/tar-inspector";
export { storageFaults } from "./faults";
export type { ObjectStore, StoredObject } from "./object-store";
