/** Files by which programs in the sandbox learn where they are. behaviour.md §2.7. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { isErrno } from "@sandlot/linux";
import type { InitBody } from "./init-body";

/** Only what the body says; nothing is removed. */
export function writeIdentity(of: { root: string; body: InitBody }): void {
  const { root, body } = of;
  const { sandboxId, templateId } = body;
  if (sandboxId === undefined && templateId === undefined) return;
  const dir = `${root}/run/e2b`;
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  writeFileSync(`${dir}/.E2B_SANDBOX`, "true");
  if (sandboxId !== undefined) writeFileSync(`${dir}/.E2B_SANDBOX_ID`, sandboxId);
  if (templateId !== undefined) writeFileSync(`${dir}/.E2B_TEMPLATE_ID`, templateId);
  if (templateId !== undefined && body.buildId !== undefined) {
    writeFileSync(`${root}/.e2b`, `ENV_ID=${templateId}\nTEMPLATE_ID=${templateId}\nBUILD_ID=${body.buildId}\n`);
  }
}

const MARK = "# sandlot";

/** `/etc/hosts` with `events.e2b.local` and the sandbox's own name, without which sudo and others stall or complain; `/etc/hostname`. */
export function writeNames(of: { root: string; body: InitBody }): void {
  const lines = [
    ...(of.body.hostname === undefined ? [] : [`127.0.1.1\t${of.body.hostname} ${MARK}`]),
    ...(of.body.hyperloopIp === undefined ? [] : [`${of.body.hyperloopIp}\tevents.e2b.local ${MARK}`]),
  ];
  if (lines.length === 0) return;
  const file = `${of.root}/etc/hosts`;
  const before = readOr(file, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
  const kept = before.split("\n").filter((line) => !isReplaced(line, of.body));
  const text = `${kept.join("\n").trimEnd()}\n${lines.join("\n")}\n`;
  // Written in place, not renamed over: the file may be a mount of its own.
  if (text !== before) writeFileSync(file, text);
  if (of.body.hostname !== undefined) writeFileSync(`${of.root}/etc/hostname`, `${of.body.hostname}\n`);
}

function isReplaced(line: string, body: InitBody): boolean {
  if (!line.endsWith(MARK)) return false;
  return line.includes("events.e2b.local") ? body.hyperloopIp !== undefined : body.hostname !== undefined;
}

function readOr(file: string, fallback: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT")) return fallback;
    throw thrown;
  }
}
