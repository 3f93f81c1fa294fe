/** Permissions as Go prints them, which is what clients have always been sent. */

/** Type and special bits in Go's order; several may stand side by side: `Dcrw-rw-rw-`, `dtrwxrwxrwx`. */
const TYPE_LETTERS: ReadonlyMap<number, string> = new Map([
  [0o040000, "d"],
  [0o120000, "L"],
  [0o060000, "D"],
  [0o010000, "p"],
  [0o140000, "S"],
]);
const CHARACTER_DEVICE = 0o020000;
const TYPE_MASK = 0o170000;

/** @param mode `st_mode` */
export function goModeString(mode: number): string {
  const type = mode & TYPE_MASK;
  const isCharacterDevice = type === CHARACTER_DEVICE;
  const flags = [
    isCharacterDevice ? "D" : (TYPE_LETTERS.get(type) ?? ""),
    mode & 0o4000 ? "u" : "",
    mode & 0o2000 ? "g" : "",
    isCharacterDevice ? "c" : "",
    mode & 0o1000 ? "t" : "",
  ].join("");
  const bits = [..."rwxrwxrwx"].map((letter, at) => (mode & (0o400 >> at) ? letter : "-"));
  return (flags || "-") + bits.join("");
}
