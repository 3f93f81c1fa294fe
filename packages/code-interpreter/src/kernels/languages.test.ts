import { describe, expect, test } from "bun:test";
import { kernelSpec, LANGUAGES, parseLanguage } from "./languages";

const config = {
  ...{ python: "/p/python3", deno: "/p/deno", r: "/p/R", java: "/p/java" },
  ...{ javaKernelDir: "/j", libraryDir: "/l", runDir: "/r" },
};

test("knows languages by the names that people use", () => {
  expect(["js", "TS", " Python ", "python3", "R", "bash", "cobol", ""].map(parseLanguage)).toEqual([
    ...["javascript", "typescript", "python", "python", "r", "bash", undefined, undefined],
  ] as never);
});

describe("code that sets variables", () => {
  const nasty = "a'b\"c\\d\n$(id) `id`";
  test("quotes whatever a variable holds, in Bash", () => {
    const code = kernelSpec("bash", config).setEnvs({ A: nasty }, ["B"]);
    const ran = Bun.spawnSync(["bash", "-c", `B=1; ${code}\nprintf %s "$A:\${B-gone}"`]);
    expect(ran.stdout.toString()).toBe(`${nasty}:gone`);
  });

  test("names every variable, in every language", () => {
    for (const language of LANGUAGES) {
      const code = kernelSpec(language, config).setEnvs({ SET_ME: "v" }, ["DROP_ME"]);
      expect([code.includes("SET_ME"), code.includes("DROP_ME")]).toEqual([true, true]);
    }
  });
});
