import type { LayerRef, SealedLayer } from "./index";

/** Pure. What lies under a seal's layer, of all that its machine was started from. */
export function layersBelow<Layer extends { readonly kind?: LayerRef["kind"] }>(
  layer: Pick<SealedLayer, "replacesDisks">,
  origin: readonly Layer[],
): readonly Layer[] {
  if (layer.replacesDisks !== true) return origin;
  return origin.filter(({ kind }) => kind === undefined || kind === "erofs" || kind === "directory");
}
