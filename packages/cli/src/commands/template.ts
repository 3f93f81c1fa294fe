/** `template build|ls|rm`: templates of the installation's own team. */
import type { components } from "@sandlot/contracts/rest";
import { type CommandSpec, command, type Io } from "../command";
import { DATA, JSON_OUT } from "../flags";
import { type LocalApi, localApi } from "../local/api";
import { buildTemplate } from "../local/build-template";
import { columns } from "../local/table";
import { loadRecipe } from "../local/template-recipe";

type Listed = components["schemas"]["Template"];

const build = command({
  name: "template build",
  summary: "Build a template and show how it goes",
  details:
    "Takes the name of a recipe that Sandlot ships (code-interpreter, desktop), or the path of a recipe.json of your own:\n" +
    "a build request's body with name, cpuCount and memoryMB; a COPY step names its folder in context.\n" +
    "A shipped one becomes everybody's under its bare name. Ctrl-C stops watching; the build goes on.",
  args: [{ name: "recipe", help: "a shipped recipe, or the path of one", isRequired: true }],
  flags: {
    ...DATA,
    "no-cache": { kind: "switch", help: "do every step again" },
    public: { kind: "switch", help: "let every team use it under its bare name" },
    quiet: { kind: "switch", help: "print the end alone" },
  },
  async run({ flags, rest, io, interrupts }) {
    const force = flags["no-cache"];
    await buildShown(localApi(flags.data), {
      ...{ wanted: rest[0] ?? "", force, isQuiet: flags.quiet },
      ...(flags.public && { isPublic: true }),
      ...{ io, signal: interrupts.first },
    });
    return 0;
  },
});

export async function buildShown(
  api: LocalApi,
  of: { wanted: string; force?: boolean; isPublic?: boolean; isQuiet?: boolean; io: Io; signal: AbortSignal },
): Promise<void> {
  const found = loadRecipe(of.wanted);
  const startMs = performance.now();
  const since = (): string => `${((performance.now() - startMs) / 1000).toFixed(1).padStart(6)} s`;
  const { templateId, buildId } = await buildTemplate(
    api,
    {
      found,
      force: of.force ?? false,
      isPublic: of.isPublic ?? found.isShipped,
      onLine: ({ message, level }) => {
        if (of.isQuiet !== true && level !== "debug") of.io.out(`${since()}  ${message}`);
      },
    },
    of.signal,
  );
  of.io.out(`${since()}  ${found.recipe.name} is ready: template ${templateId}, build ${buildId}`);
}

const ls = command({
  name: "template ls",
  summary: "List the templates",
  flags: { ...DATA, ...JSON_OUT },
  async run({ flags, io }) {
    const list = (await localApi(flags.data).ask({ method: "GET", path: "/templates" })).json as readonly Listed[];
    if (flags.json) io.out(JSON.stringify({ templates: list }));
    else {
      const rows = list.map((one) => [
        one.names[0] ?? "-",
        one.buildStatus,
        one.public ? "public" : "private",
        `${one.cpuCount} vCPU, ${one.memoryMB} MiB`,
        `${one.spawnCount}`,
        one.templateID,
      ]);
      io.out(columns([["NAME", "BUILD", "ACCESS", "SIZE", "STARTED", "ID"], ...rows]));
    }
    return 0;
  },
});

const rm = command({
  name: "template rm",
  summary: "Delete a template; refused while sandboxes need it",
  args: [{ name: "template", help: "its name or id", isRequired: true }],
  flags: DATA,
  async run({ flags, rest, io }) {
    const name = rest[0] ?? "";
    await localApi(flags.data).ask({ method: "DELETE", path: `/templates/${encodeURIComponent(name)}` });
    io.out(`deleted ${name}`);
    return 0;
  },
});

/** Builds those of the shipped templates that are not there yet. */
export async function buildMissing(
  dataDir: string,
  of: { wanted: readonly string[]; io: Io; signal: AbortSignal },
): Promise<void> {
  const api = localApi(dataDir);
  for (const wanted of of.wanted) {
    const { name } = loadRecipe(wanted).recipe;
    const path = `/templates/aliases/${encodeURIComponent(name)}`;
    const { status } = await api.ask({ method: "GET", path, mayBe: [403, 404] });
    if (status === 200 && (await hasReadyBuild(api, name))) continue;
    of.io.out(`template ${name} is not there yet: building it`);
    await buildShown(api, { wanted, io: of.io, signal: of.signal });
  }
}

async function hasReadyBuild(api: LocalApi, name: string): Promise<boolean> {
  const tags = await api.ask({ method: "GET", path: `/templates/${encodeURIComponent(name)}/tags`, mayBe: [403] });
  return tags.status === 403 || (tags.json as readonly unknown[]).length > 0;
}

const setRuntime = command({
  name: "template set-runtime",
  summary: "Choose what a template's new sandboxes run on",
  details:
    "Names of container, qemu and firecracker with commas between, the first wanted most, or default for whatever the\n" +
    "installation offers. Without names, shows what is chosen. Its next builds are made for them; what runs stays as it is.",
  args: [
    { name: "template", help: "its name or id", isRequired: true },
    { name: "runtimes", help: "names with commas between, or default" },
  ],
  flags: { ...DATA, ...JSON_OUT },
  async run({ flags, rest, io }) {
    const path = `/templates/${encodeURIComponent(rest[0] ?? "")}/runtimes`;
    const names = rest[1] === "default" ? [] : (rest[1]?.split(",") ?? []);
    const how =
      rest[1] === undefined ? { method: "GET" as const } : { method: "PUT" as const, body: { runtimes: names } };
    const now = (await localApi(flags.data).ask({ ...how, path })).json as components["schemas"]["TemplateRuntimes"];
    const chosen = now.runtimes.length === 0 ? "whatever the installation offers" : now.runtimes.join(", ");
    const built =
      now.builtFor.length === 0 ? "it has no build yet" : `its build is made for ${now.builtFor.join(", ")}`;
    io.out(flags.json ? JSON.stringify(now) : `${rest[0]} runs on ${chosen}; ${built}`);
    return 0;
  },
});

export const templateCommands: readonly CommandSpec[] = [build, ls, rm, setRuntime];
