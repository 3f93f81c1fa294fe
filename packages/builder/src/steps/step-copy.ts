/** COPY and ADD: files that the client uploaded, into the machine. They are unpacked inside, never on the host. */
import { posix } from "node:path";
import { builderFaults } from "../faults";
import { runScript, sayProblem } from "../guest/script";
import { uploadToGuest } from "../guest/upload";
import { limits } from "../limits";
import { COPY_SCRIPT } from "./copy-script";
import type { StepDone, StepParts } from "./step-parts";

export type CopyParts = StepParts & {
  /**
   * The step's files as a tar (perhaps gzipped) on the host, checked for what may be in it.
   * @throws Fault `build_files_missing`, `storage_bad_context`
   */
  readonly fetchFiles: (of: { hash: string; src: string }) => Promise<AsyncDisposable & { readonly path: string }>;
};

export async function copyStep(
  parts: CopyParts,
  of: { args: readonly string[]; filesHash: string | undefined; type: string },
): Promise<StepDone> {
  const [src = "", dest = "", owner = "", mode = ""] = of.args;
  if (src === "" || dest === "")
    throw builderFaults.step_arguments({ why: `${of.type} requires a source and a destination` });
  if (of.filesHash === undefined || of.filesHash === "") {
    throw builderFaults.step_arguments({ why: `${of.type} requires the hash of its files` });
  }
  if (mode !== "" && !/^[0-7]{1,5}$/.test(mode))
    throw builderFaults.step_arguments({ why: `${of.type}: '${mode.slice(0, 20)}' is no octal mode` });
  await using files = await parts.fetchFiles({ hash: of.filesHash, src });
  const guestPath = `/tmp/.sandlot-copy-${of.filesHash.slice(0, 16)}.tar`;
  const fail = (why: string, cause?: unknown) => builderFaults.copy_failed({ src, dest, why }, cause);
  try {
    await uploadToGuest({ address: parts.address, hostPath: files.path, guestPath }, parts.signal);
  } catch (thrown) {
    parts.signal.throwIfAborted();
    throw fail(thrown instanceof Error ? thrown.message : String(thrown), thrown);
  }
  const { user, workdir } = parts.context;
  const args = [guestPath, staticBase(src), dest, ownerOf(owner, user), mode, workdir ?? "", user];
  const ended = await runScript(
    { address: parts.address, script: COPY_SCRIPT, args, timeoutMs: limits.uploadMs },
    parts.signal,
  );
  if (ended.problem !== undefined) throw fail(sayProblem(ended));
  return { context: parts.context, hasChangedDisk: true };
}

/** The part of a source before its first wildcard, as a clean relative path; `.` for all of the context. */
export function staticBase(src: string): string {
  const parts = src.replaceAll("\\", "/").split("/");
  const wild = parts.findIndex((part) => /[*?[\]{}!]/.test(part));
  const kept = wild < 0 ? parts : parts.slice(0, wild);
  const path = posix.normalize(kept.filter((part) => part !== "").join("/") || ".").replace(/^(\.\.\/)+/, "");
  return path === ".." ? "." : path;
}

/** `name` means the group of that name too. */
export function ownerOf(owner: string, user: string): string {
  const wanted = owner === "" ? user : owner;
  return wanted.includes(":") ? wanted : `${wanted}:${wanted}`;
}
