import { describe, expect, it } from "bun:test";
import { LineSplitter } from "../logs/line-splitter";
import { ownerOf, staticBase } from "./step-copy";
import { shellWord } from "./step-env";
import { shellCommand } from "./step-run";
import { resolveWorkdir } from "./step-workdir";

describe("what steps make of their arguments", () => {
  it("cuts a source at its first wildcard", () => {
    expect(["src/*.ts", "a/b.txt", ".", "**/*.md", "./src/", "a/[bc]/d"].map(staticBase)).toEqual(
      ["src", "a/b.txt", ".", ".", "src/", "a"].map((path) => path.replace(/\/$/, "")),
    );
    expect(staticBase("../../etc/passwd")).toBe("etc/passwd");
  });
  it("gives files to the user and the group of that name", () => {
    expect([ownerOf("", "user"), ownerOf("www", "user"), ownerOf("a:b", "user")]).toEqual([
      "user:user",
      "www:www",
      "a:b",
    ]);
  });
  it("lets a shell see variables and nothing else", () => {
    const values = ["a$B c", "\"q\" 'q' `id` $(id) \\", "${HOME}/x $1 ${A:-b} $"];
    const ran = Bun.spawnSync(["/bin/sh", "-c", `printf '%s\\n' ${values.map(shellWord).join(" ")}`], {
      env: { B: "b", HOME: "/h" },
    });
    expect(ran.stdout.toString().split("\n").slice(0, 3)).toEqual(["ab c", values[1] ?? "", "/h/x $1 ${A:-b} $"]);
  });
  it("resolves working directories like a shell's cd", () => {
    expect([resolveWorkdir("app", undefined), resolveWorkdir("../b/", "/a/c"), resolveWorkdir("/x", "/a")]).toEqual([
      "/app",
      "/a/b",
      "/x",
    ]);
  });
  it("says a recipe's PATH again inside the login shell, with the standard directories behind", () => {
    const { args, envs } = shellCommand("tool", {
      user: "u",
      workdir: undefined,
      envs: { PATH: "/opt/it's:/usr/bin" },
    });
    expect(envs.PATH).toBe("/opt/it's:/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin");
    expect(args[2]).toEndWith("; tool");
    expect(args[2]).toStartWith(`export PATH='/opt/it'\\''s:/usr/bin`);
  });
});

describe(LineSplitter, () => {
  it("hands on lines as they end, the last state of a bar, long lines in parts, and what remains", () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    for (const piece of ["one\ntw", "o\r\n10%\r100%\n\n", "x".repeat(10_000)]) splitter.push(Buffer.from(piece));
    splitter.end();
    expect(lines.slice(0, 4)).toEqual(["one", "two", "100%", ""]);
    expect(lines.slice(4).map(({ length }) => length)).toEqual([8192, 1808]);
  });
});
