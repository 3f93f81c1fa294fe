/** Turns command specs into a program: parsing, help, and exit codes 0 done, 1 not done, 2 misuse. */
import { Fault } from "@sandlot/faults";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { type CommandSpec, type FlagSpec, Interrupted, type Interrupts, type Io } from "./command";

export type Program = {
  readonly commands: readonly CommandSpec[];
  /** What help says of the first word of commands of two. */
  readonly groups?: Readonly<Record<string, string>>;
  readonly io: Io;
  readonly interrupts: Interrupts;
  readonly env: Readonly<Record<string, string | undefined>>;
};

/** Never throws for anything planned: one line on the error stream says what is wrong. */
export async function runProgram(program: Program, words: readonly string[]): Promise<number> {
  let exitCode = 0;
  const root = new Command("sandlot")
    .description("Run sandboxes for code on this machine, for the stock e2b clients")
    .configureOutput({
      writeOut: (text) => program.io.out(text.trimEnd()),
      writeErr: (text) => program.io.err(text.trimEnd()),
    })
    .exitOverride()
    .enablePositionalOptions()
    .helpCommand(false);
  for (const spec of program.commands) {
    const command = addCommand(root, spec, program.groups ?? {});
    command.action(async () => {
      exitCode = await spec.run({ ...program, flags: flagsOf(spec, command), rest: command.args });
    });
  }
  try {
    await root.parseAsync([...words], { from: "user" });
    return exitCode;
  } catch (thrown) {
    return explain(thrown, program.io);
  }
}

function addCommand(root: Command, spec: CommandSpec, groups: Readonly<Record<string, string>>): Command {
  const words = spec.name.split(" ");
  const parent = words.length === 1 ? root : groupOf(root, words[0] ?? "", groups);
  const command = parent
    .command(words.at(-1) ?? "", { hidden: spec.isHidden === true })
    .summary(spec.summary)
    .description(describe(spec))
    .exitOverride();
  for (const { name, help, isRequired, isRest } of spec.args ?? []) {
    const word = `${name}${isRest === true ? "..." : ""}`;
    command.argument(isRequired === true ? `<${word}>` : `[${word}]`, help);
    if (isRest === true) command.passThroughOptions();
  }
  for (const [name, flag] of Object.entries(spec.flags)) command.addOption(optionOf(name, flag));
  return command;
}

function groupOf(root: Command, name: string, groups: Readonly<Record<string, string>>): Command {
  const there = root.commands.find((command) => command.name() === name);
  if (there !== undefined) return there;
  return root
    .command(name)
    .description(groups[name] ?? "")
    .enablePositionalOptions()
    .exitOverride()
    .helpCommand(false);
}

function describe(spec: CommandSpec): string {
  return spec.details === undefined ? spec.summary : `${spec.summary}\n\n${spec.details}`;
}

const SHORT: Readonly<Record<string, string>> = { follow: "-f, ", lines: "-n, " };

function optionOf(name: string, flag: FlagSpec): Option {
  const long = `${SHORT[name] ?? ""}--${name}`;
  if (flag.kind === "switch") return new Option(long, flag.help).default(false);
  const option = new Option(`${long} <${flag.sample}>`, flag.help);
  if (flag.fallback !== undefined) option.default(flag.fallback);
  return flag.kind === "whole" ? option.argParser(wholeNumber) : option;
}

function wholeNumber(raw: string): number {
  if (!/^\d{1,9}$/.test(raw)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(raw);
}

/** Commander camel-cases names; specs keep them as they are typed. */
function flagsOf(spec: CommandSpec, command: Command): Record<string, never> {
  const values = command.opts();
  const camel = (name: string): string => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.keys(spec.flags).map((name) => [name, values[camel(name)]])) as Record<
    string,
    never
  >;
}

function explain(thrown: unknown, io: Io): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2; // it has said what is wrong
  if (thrown instanceof Interrupted) {
    io.err(thrown.message);
    return 1;
  }
  if (thrown instanceof Fault) {
    io.err(`sandlot: ${thrown.message}`);
    return thrown.kind === "invalid" ? 2 : 1;
  }
  io.err(`sandlot: this is a bug: ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
  return 1;
}
