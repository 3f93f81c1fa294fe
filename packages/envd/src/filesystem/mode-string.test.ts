import { describe, expect, it } from "bun:test";
import { goModeString } from "./mode-string";

describe(goModeString, () => {
  const cases: [mode: number, text: string][] = [
    [0o100644, "-rw-r--r--"],
    [0o040755, "drwxr-xr-x"],
    [0o120777, "Lrwxrwxrwx"],
    [0o041777, "dtrwxrwxrwx"],
    [0o104755, "urwxr-xr-x"],
    [0o102755, "grwxr-xr-x"],
    [0o106755, "ugrwxr-xr-x"],
    [0o042755, "dgrwxr-xr-x"],
    [0o020666, "Dcrw-rw-rw-"],
    [0o060660, "Drw-rw----"],
    [0o010600, "prw-------"],
    [0o140777, "Srwxrwxrwx"],
    [0o100000, "----------"],
  ];
  for (const [mode, text] of cases)
    it(`prints ${mode.toString(8)} as ${text}`, () => expect(goModeString(mode)).toBe(text));
});
