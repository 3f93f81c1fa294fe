import { createHash } from "node:crypto";
import { sandboxFaults } from "@sandlot/domain";
import type { SandboxParts } from "../sandboxes/parts";

export type SignedFile = {
  readonly path: string;
  readonly operation: string;
  readonly username: string;
  readonly signature: string;
  readonly expiration: string;
};

/**
 * Which running sandbox's envd token signed a file URL (behaviour §2.3). Its envd verifies it again: a wrong answer here opens
 * nothing. One hash per running sandbox, so whoever asks bounds how often.
 * @throws Fault `sandbox_missing`
 */
export async function findSigner({ state }: Pick<SandboxParts, "state">, file: SignedFile): Promise<string> {
  const { path, operation, username, signature, expiration } = file;
  const after = expiration === "" ? "" : `:${expiration}`;
  const isSigner = (token: string): boolean => {
    const digest = createHash("sha256").update(`${path}:${operation}:${username}:${token}${after}`).digest("base64");
    return `v1_${digest.replace(/=+$/, "")}` === signature;
  };
  const found = (await state.sandboxes.all()).find(
    ({ envdAccessToken, state: how }) =>
      how === "running" && envdAccessToken !== undefined && isSigner(envdAccessToken),
  );
  if (found === undefined) throw sandboxFaults.missing({ sandboxId: "that signed this" });
  return found.sandboxId;
}
