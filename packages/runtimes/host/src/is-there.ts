import { access } from "node:fs/promises";

/** False, too, for what cannot be looked at, and for a link that leads nowhere. */
export function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
