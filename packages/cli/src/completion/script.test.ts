import { expect, test } from "bun:test";
import { COMMANDS } from "../main";
import { completionScript } from "./script";

/** What bash itself would offer for the line, its last word being completed. */
function offers(line: string): string[] {
  const words = line.split(" ");
  const script = `${completionScript("bash", COMMANDS)}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _sandlot; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const ran = Bun.spawnSync(["bash", "--norc", "-c", script]);
  expect(ran.stderr.toString()).toBe("");
  return ran.stdout.toString().split("\n").filter(Boolean);
}

test("bash offers commands, words of a group, and a command's own flags", () => {
  expect(offers("sandlot do").sort()).toEqual(["doctor", "down"]);
  expect(offers("sandlot ")).not.toContain("supervise");
  expect(offers("sandlot sandbox ")).toEqual(["ls", "kill", "exec", "shell", "link"]);
  expect(offers("sandlot sandbox e")).toEqual(["exec"]);
  expect(offers("sandlot sandbox exec --no")).toEqual(["--no-stdin"]);
  expect(offers("sandlot up --det")).toEqual(["--detach"]);
  expect(offers("sandlot down --det")).toEqual([]);
});

test("zsh gets the same through its compatibility layer, fish one line per word and flag", () => {
  expect(completionScript("zsh", COMMANDS)).toStartWith("autoload -U +X bashcompinit");
  const fish = completionScript("fish", COMMANDS).split("\n");
  expect(fish).toContain(
    "complete -c sandlot -n '__fish_seen_subcommand_from down' -l data -r -F -d 'directory that holds everything of the installation'",
  );
  const flags = COMMANDS.filter(({ isHidden }) => !isHidden).flatMap(({ flags: own }) => Object.keys(own));
  expect(fish.filter((line) => / -l /.test(line))).toHaveLength(flags.length);
  expect(fish.join("\n")).not.toContain("supervise");
});
