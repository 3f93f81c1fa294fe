export { imageFaults } from "./faults";
export { type ImageSource, imageSources, type MirrorRule, parseMirrors, type RegistrySource } from "./mirrors";
export { PROVISION_VERSION, provisionScript } from "./provision";
export { pullImage } from "./pull";
export { formatReference, type ImageReference, parseReference } from "./reference";
export { answerChallenge, basicOf, type Challenge, parseChallenge } from "./registry/auth";
export type { Family, ImageLimits, PulledImage, PullImage, PullRequest, RegistryCredentials } from "./types";
export { checkTar, type TarCheck, type TarLimits } from "./unpack/check-tar";
