/** envd's routes that are for the node alone. Source: behaviour.md §3.4. */
const INTERNAL = new Set(["/init", "/freeze", "/unfreeze", "/collapse", "/fsfreeze", "/fsthaw", "/upgrade"]);

export const ENVD_PORT = 49_983;

/**
 * Whether a request target names such a route, however it is written: `//init`, `/./init`, `/%69nit`, `/x/../init`,
 * `\init`, `/init/`. Decodes once, as servers do; what decodes to something else twice is another path.
 */
export function isInternalRoute(target: string): boolean {
  return INTERNAL.has(cleanPath(target));
}

/** The path of a target, decoded, without empty, `.` and `..` segments and without a slash at its end. */
export function cleanPath(target: string): string {
  const raw = target.split(/[?#]/, 1)[0] ?? "";
  const decoded = raw.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const kept: string[] = [];
  for (const segment of (decoded.split(/[?#]/, 1)[0] ?? "").split(/[/\\]/)) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  return `/${kept.join("/")}`;
}
