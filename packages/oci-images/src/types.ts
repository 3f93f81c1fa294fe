/** What a caller hands in to get a base image as a layer, and what it gets. */
import type { ImageSource } from "./mirrors";

/** As the build request carries them, decrypted. Sent to the source's own host only. */
export type RegistryCredentials =
  | { readonly type: "registry"; readonly username: string; readonly password: string }
  | { readonly type: "aws"; readonly accessKeyId: string; readonly secretAccessKey: string; readonly region: string }
  | { readonly type: "gcp"; readonly serviceAccountJson: string };

export type PullRequest = {
  /** As the user wrote it; for messages. */
  readonly reference: string;
  /** From `imageSources`; `template` ones are the caller's own affair and are refused here. */
  readonly sources: readonly ImageSource[];
  readonly credentials?: RegistryCredentials | undefined;
  /** An empty directory of the caller's, on a disk with room for three times the image. Left empty. */
  readonly workDir: string;
  /** Where the sealed erofs layer is to lie; it appears there whole or not at all. */
  readonly layerPath: string;
  /** One line of progress for the build's log. */
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly limits?: Partial<ImageLimits> | undefined;
};

export type ImageLimits = {
  /** Of all layers unpacked together, in bytes. */
  readonly unpackedBytes: number;
  /** Of one layer as it is sent, in bytes. */
  readonly blobBytes: number;
  readonly entries: number;
  readonly layers: number;
};

/** The five families that provisioning knows. */
export type Family = "debian" | "fedora" | "arch" | "alpine" | "nixos";

export type PulledImage = {
  readonly layerPath: string;
  /** Of the layer file. */
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Of the manifest that was unpacked; undefined for a Debian bootstrap. */
  readonly digest: string | undefined;
  /** The image's own environment. User, working directory and command of an image are not used. */
  readonly env: Readonly<Record<string, string>>;
  readonly family: Family;
  /** `ID` of /etc/os-release. */
  readonly distribution: string;
};

/**
 * Fetches, checks, unpacks and seals one image. The layer has the device nodes and mount points that a machine needs; what a
 * distribution lacks (sudo, certificates, …) is installed by `provisionScript(family)`, run as root inside a sandbox of it.
 * @throws Fault `image_*`; the signal's reason when aborted
 */
export type PullImage = (request: PullRequest, signal?: AbortSignal) => Promise<PulledImage>;
