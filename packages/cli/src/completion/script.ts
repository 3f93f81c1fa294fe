/** Completion scripts made of the commands' own data, so that they cannot drift from them. Pure. */
import type { CommandSpec } from "../command";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export function completionScript(shell: Shell, commands: readonly CommandSpec[]): string {
  const shown = commands.filter(({ isHidden }) => isHidden !== true);
  if (shell === "fish") return fish(shown);
  // zsh runs bash's own script once its compatibility layer is loaded.
  return shell === "bash" ? bash(shown) : `autoload -U +X bashcompinit && bashcompinit\n${bash(shown)}`;
}

const first = (name: string): string => name.split(" ")[0] ?? name;
const unique = (words: readonly string[]): string[] => [...new Set(words)];
const flagsOf = (spec: CommandSpec): string[] => ["--help", ...Object.keys(spec.flags).map((name) => `--${name}`)];

/** Words that follow `path`: commands, or nothing once the command is whole. */
function next(commands: readonly CommandSpec[], group: string): string[] {
  const below = commands.filter(({ name }) => name.startsWith(`${group} `));
  return below.map(({ name }) => name.slice(group.length + 1));
}

function bash(commands: readonly CommandSpec[]): string {
  const groups = unique(commands.filter(({ name }) => name.includes(" ")).map(({ name }) => first(name)));
  const cases = commands.map((spec) => `    "${spec.name}") words="${flagsOf(spec).join(" ")}" ;;`);
  const groupCases = groups.map((group) => `    "${group}") words="${next(commands, group).join(" ")}" ;;`);
  return `_sandlot() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} words="" path=\${COMP_WORDS[1]}
  case "$path" in
    ${groups.join(" | ")}) [ "$COMP_CWORD" -gt 2 ] && path="$path \${COMP_WORDS[2]}" ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && path=""
  case "$prev" in
    --data | --cwd) COMPREPLY=($(compgen -d -- "$cur")); return ;;
    --guest-ca | --tls-files | --acme-dns-hook) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  case "$path" in
    "") words="${unique(commands.map(({ name }) => first(name))).join(" ")} --help" ;;
${[...groupCases, ...cases].join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -F _sandlot sandlot ./sandlot`;
}

function fish(commands: readonly CommandSpec[]): string {
  const quote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = ["complete -c sandlot -f"];
  const seen = new Set<string>();
  for (const spec of commands) {
    const [head = "", tail] = spec.name.split(" ");
    const isHere =
      tail === undefined
        ? `__fish_seen_subcommand_from ${head}`
        : `__fish_seen_subcommand_from ${head}; and __fish_seen_subcommand_from ${tail}`;
    if (!seen.has(head)) {
      const summary = tail === undefined ? ` -d ${quote(spec.summary)}` : "";
      lines.push(`complete -c sandlot -n __fish_use_subcommand -a ${head}${summary}`);
      seen.add(head);
    }
    if (tail !== undefined)
      lines.push(
        `complete -c sandlot -n ${quote(`__fish_seen_subcommand_from ${head}; and not __fish_seen_subcommand_from ${next(commands, head).join(" ")}`)} -a ${tail} -d ${quote(spec.summary)}`,
      );
    for (const [name, flag] of Object.entries(spec.flags)) {
      const takes = flag.kind === "switch" ? "" : name === "data" || name === "guest-ca" ? " -r -F" : " -x";
      lines.push(`complete -c sandlot -n ${quote(isHere)} -l ${name}${takes} -d ${quote(flag.help)}`);
    }
  }
  return lines.join("\n");
}
