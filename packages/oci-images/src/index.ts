export { imageFaults } from "./faults";
export { type ImageSource, imageSources, type MirrorRule, parseMirrors, type RegistrySource } from "./mirrors";
export { formatReference, type ImageReference, parseReference } from "./reference";
export type { Family, ImageLimits, PulledImage, PullImage, PullRequest, RegistryCredentials } from "./types";
