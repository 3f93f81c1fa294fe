/** docs/reference/cli.md from the commands' own data. Used by generate-reference.ts. */
import { COMMANDS, type CommandSpec, type FlagSpec } from "@sandlot/cli";
import { table } from "./table";

export function cliPage(): string {
  const shown = COMMANDS.filter(({ isHidden }) => isHidden !== true);
  return `# Commands of \`./sandlot\`

Exit codes: 0 done, 1 not done, 2 misuse. \`--help\` after any command says the same as this page.

${shown.map(section).join("\n\n")}`;
}

function section(spec: CommandSpec): string {
  const args = (spec.args ?? []).map(({ name }) => ` [${name}]`).join("");
  const parts = [`## ${spec.name}${args}`, `${spec.summary}.`];
  if (spec.details !== undefined) parts.push(spec.details);
  if ((spec.args ?? []).length > 0)
    parts.push(
      table(
        ["argument", "what"],
        (spec.args ?? []).map(({ name, help }) => [name, help]),
      ),
    );
  const flags = Object.entries(spec.flags);
  if (flags.length > 0)
    parts.push(
      table(
        ["flag", "what", "default"],
        flags.map(([name, flag]) => flagRow(name, flag)),
      ),
    );
  return parts.join("\n\n");
}

function flagRow(name: string, flag: FlagSpec): string[] {
  if (flag.kind === "switch") return [`\`--${name}\``, flag.help, ""];
  const fallback = flag.fallback === undefined ? "" : `\`${flag.fallback}\``;
  return [`\`--${name} <${flag.sample}>\``, flag.help, fallback];
}
