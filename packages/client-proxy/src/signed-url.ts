import type { Client } from "@connectrpc/connect";
import type { SandboxService } from "@sandlot/contracts/proxy";
import type { Clock } from "@sandlot/lifetime";
import type { ProxyRequest } from "@sandlot/proxy";
import { limits } from "./limits";

export type SignedUrl = {
  readonly path: string;
  readonly operation: "read" | "write";
  readonly username: string;
  readonly signature: string;
  readonly expiration: string;
};

/** A signed file URL (clients.md §4), wherever it was sent. Undefined for every other request. */
export function readSignedUrl(request: Pick<ProxyRequest, "method" | "target">): SignedUrl | undefined {
  const { pathname, searchParams } = new URL(request.target, "http://sandbox");
  const signature = searchParams.get("signature");
  if (pathname !== "/files" || signature === null || !/^v1_[A-Za-z0-9+/]{43}$/.test(signature)) return undefined;
  const operation = request.method === "POST" ? "write" : "read";
  return {
    path: searchParams.get("path") ?? "",
    operation,
    username: searchParams.get("username") ?? "",
    signature,
    expiration: searchParams.get("signature_expiration") ?? "",
  };
}

export type SignerFinder = (url: SignedUrl) => Promise<string | "unknown" | "too_often">;

/**
 * Which running sandbox signed a URL that does not say so. Each question costs the api a hash per sandbox, so they are few
 * a second; an answer is remembered, since a download may take many requests. Envd verifies the signature itself.
 */
export function openSignerFinder(of: {
  client: Pick<Client<typeof SandboxService>, "findSigner">;
  clock: Clock;
}): SignerFinder {
  const { client, clock } = of;
  const known = new Map<string, { sandboxId: string; untilMs: number }>();
  let tokens: number = limits.signersBurst;
  let filledAtMs = clock.nowMs();
  return async (url) => {
    const nowMs = clock.nowMs();
    const key = JSON.stringify(url);
    const held = known.get(key);
    if (held !== undefined && held.untilMs > nowMs) return held.sandboxId;
    tokens = Math.min(limits.signersBurst, tokens + ((nowMs - filledAtMs) / 1000) * limits.signersPerSecond);
    filledAtMs = nowMs;
    if (tokens < 1) return "too_often";
    tokens -= 1;
    try {
      const { sandboxId } = await client.findSigner(url, { timeoutMs: limits.signerMs });
      if (known.size >= limits.signersKept) known.delete(known.keys().next().value as string);
      known.set(key, { sandboxId, untilMs: nowMs + limits.signersKeptMs });
      return sandboxId;
    } catch {
      return "unknown";
    }
  };
}
