export { Builds, type BuildView } from "./builds/builds";
export { openLayerIndex } from "./cache/layer-index";
export { type Trimmed, trimCache } from "./cache/trim-cache";
export { builderFaults } from "./faults";
export { limits as builderLimits } from "./limits";
export type { BuildMachine, BuildMachines, StartBuildMachine } from "./machines";
export type { BuildParts } from "./phases/build-parts";
export type { Recipe, RecipeBase, RecipeStep, RecipeVersion } from "./recipe";
export { type TemplateRouteParts, templateRoutes } from "./routes/template-service";
