/** A request to build, as the control plane sends it. Checked again here: the builder trusts no caller with its host. */
import type {
  RegistryCredentials as SentCredentials,
  TemplateBakeRequest,
  TemplateCreateRequest,
} from "@sandlot/contracts/template";
import { isRuntimeName, isUuid } from "@sandlot/domain";
import type { RegistryCredentials } from "@sandlot/oci-images";
import type { RuntimeName } from "@sandlot/storage";
import { builderFaults } from "../faults";
import type { BenchRecipe } from "../phases/workbench";
import type { Recipe, RecipeBase, RecipeVersion } from "../recipe";

const VERSIONS: readonly RecipeVersion[] = ["v1.0.0", "v2.0.0", "v2.1.0"];

/** @throws Fault `build_bad_request` */
export function parseRecipe({ template, cacheScope, version }: TemplateCreateRequest): Recipe {
  const bad = (why: string) => builderFaults.bad_request({ why });
  if (template === undefined) throw bad("the request names no template");
  const { templateId, buildId, teamId, vcpuCount, memoryMb, diskSizeMb } = template;
  if (!isUuid(buildId)) throw bad(`'${buildId.slice(0, 80)}' is no build ID`);
  if (!/^[A-Za-z0-9-]{1,64}$/.test(cacheScope)) throw bad("the cache scope is not a team");
  if (vcpuCount < 1 || memoryMb < 1 || diskSizeMb < 1) throw bad("processors, memory and disk must be at least 1");
  const known = VERSIONS.find((one) => one === version);
  if (known === undefined) throw bad(`recipes of version '${version.slice(0, 20)}' are not known here`);
  return {
    ...{ templateId, buildId, teamId, cacheScope, version: known },
    ...{ cpuCount: vcpuCount, memoryMiB: memoryMb, diskMiB: diskSizeMb },
    base: parseBase(template),
    steps: template.steps.map(({ type, args, filesHash, force }) => {
      const hash = filesHash === undefined || filesHash === "" ? undefined : filesHash;
      if (hash !== undefined && !/^[0-9a-f]{64}$/.test(hash)) throw bad("a step's files hash is not 64 hex digits");
      return { type, args, filesHash: hash, force };
    }),
    runtimes: template.runtimes.map((name) => parseRuntime(name)),
    force: template.force,
    startCmd: template.startCommand,
    readyCmd: template.readyCommand,
  };
}

/** @throws Fault `build_bad_request` */
export function parseBake(request: TemplateBakeRequest): { recipe: BenchRecipe; runtime: RuntimeName } {
  const { templateId, buildId, vcpuCount: cpuCount, memoryMb: memoryMiB, diskSizeMb: diskMiB } = request;
  if (!isUuid(buildId)) throw builderFaults.bad_request({ why: `'${buildId.slice(0, 80)}' is no build ID` });
  if (cpuCount < 1 || memoryMiB < 1 || diskMiB < 1)
    throw builderFaults.bad_request({ why: "processors, memory and disk must be at least 1" });
  const recipe = { templateId, buildId, teamId: "", cpuCount, memoryMiB, diskMiB };
  return { recipe, runtime: parseRuntime(request.runtime) };
}

/** @throws Fault `build_bad_request` */
export function parseRuntime(name: string): RuntimeName {
  if (!isRuntimeName(name)) throw builderFaults.bad_request({ why: `'${name.slice(0, 40)}' is no runtime` });
  return name;
}

function parseBase({ from, fromImageRegistry }: NonNullable<TemplateCreateRequest["template"]>): RecipeBase {
  if (from.case === "fromTemplate") {
    const { alias, buildId, isImage } = from.value;
    return { kind: "template", alias, buildId, isImage };
  }
  if (from.case !== "fromImage" || from.value === "") {
    throw builderFaults.bad_request({ why: "a build needs an image or a template to start from" });
  }
  return { kind: "image", reference: from.value, credentials: parseCredentials(fromImageRegistry) };
}

function parseCredentials(sent: SentCredentials | undefined): RegistryCredentials | undefined {
  switch (sent?.type.case) {
    case "basic":
      return { type: "registry", username: sent.type.value.username, password: sent.type.value.password };
    case "aws": {
      const { accessKeyId, secretAccessKey, region } = sent.type.value;
      return { type: "aws", accessKeyId, secretAccessKey, region };
    }
    case "gcp":
      return { type: "gcp", serviceAccountJson: sent.type.value.serviceAccountJson };
    default:
      return undefined;
  }
}
