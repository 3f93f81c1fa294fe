/** The service table of the last bring-up, on disk: a supervisor revives from it, and `down` sweeps with it. Holds secrets. */
import { readJson, writeJson } from "../json-file";
import type { DataPaths } from "../paths";
import type { ServiceSpec } from "./table";

const path = (paths: DataPaths): string => `${paths.run}/services.json`;

export function keepSpecs(paths: DataPaths, specs: readonly ServiceSpec[]): void {
  writeJson(path(paths), { specs }, 0o600);
}

/** Empty when nothing was brought up here. */
export function readSpecs(paths: DataPaths): ServiceSpec[] {
  const specs = readJson(path(paths))?.specs;
  return Array.isArray(specs) ? (specs as ServiceSpec[]) : [];
}
