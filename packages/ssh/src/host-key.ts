import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import ssh2 from "ssh2";

/** What clients know this installation by; made once, mode 0600. Its public half lies beside it, in `<path>.pub`. */
export function ensureHostKey(path: string): string {
  if (existsSync(path) && existsSync(`${path}.pub`)) return readFileSync(path, "utf8");
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const pair = ssh2.utils.generateKeyPairSync("ed25519", { comment: "sandlot" });
  writeWhole(path, pair.private, 0o600);
  writeWhole(`${path}.pub`, `${pair.public}\n`, 0o644);
  return pair.private;
}

function writeWhole(path: string, text: string, mode: number): void {
  const fresh = `${path}.${process.pid}.new`;
  writeFileSync(fresh, text, { mode });
  chmodSync(fresh, mode);
  renameSync(fresh, path);
}
