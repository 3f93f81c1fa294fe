/** Images that were pushed here: a name for builders, which an operator's rule leads to the backing registry. */
import { parseReference } from "@sandlot/oci-images";

const REGISTRY = "pushed.sandlot.internal";

type Build = { readonly templateId: string; readonly buildId: string };

export function pushedImage({ templateId, buildId }: Build): string {
  return `${REGISTRY}/e2b/custom-envs/${templateId}:${buildId}`;
}

/**
 * Whether a build may be made from an image. What was pushed is the pusher's: builders fetch all of it without a password, so
 * a recipe must not name it. @throws Fault `image_bad_reference`
 */
export function mayBuildFrom(image: string, build: Build): boolean {
  return image === pushedImage(build) || parseReference(image).registry.toLowerCase().split(":")[0] !== REGISTRY;
}
