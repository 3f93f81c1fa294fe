/** What is to be built: a recipe as the control plane hands it over, checked for form only. */
import type { RegistryCredentials } from "@sandlot/oci-images";
import type { RuntimeName } from "@sandlot/storage";

export type RecipeVersion = "v1.0.0" | "v2.0.0" | "v2.1.0";

export type RecipeStep = {
  /** As written; compared without regard to case. */
  readonly type: string;
  readonly args: readonly string[];
  readonly filesHash: string | undefined;
  readonly force: boolean;
};

export type RecipeBase =
  | { readonly kind: "image"; readonly reference: string; readonly credentials: RegistryCredentials | undefined }
  | {
      readonly kind: "template";
      readonly alias: string;
      readonly buildId: string;
      /** The user named an image, and a rule of the operator says that this template stands for it. */
      readonly isImage: boolean;
    };

export type Recipe = {
  readonly templateId: string;
  readonly buildId: string;
  readonly teamId: string;
  /** Whose cached layers and uploaded files are used. */
  readonly cacheScope: string;
  readonly version: RecipeVersion;
  readonly cpuCount: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
  readonly base: RecipeBase;
  readonly steps: readonly RecipeStep[];
  /** What its sandboxes are to run on; empty: whatever the builder offers. */
  readonly runtimes: readonly RuntimeName[];
  /** Nothing cached is used. */
  readonly force: boolean;
  /** Empty: none. */
  readonly startCmd: string;
  readonly readyCmd: string;
};

/** What a step leaves for those after it, for the start command and for child templates. */
export type StepContext = {
  readonly user: string;
  /** Undefined until somebody names one: commands then start in the user's home. */
  readonly workdir: string | undefined;
  readonly envs: Readonly<Record<string, string>>;
};
