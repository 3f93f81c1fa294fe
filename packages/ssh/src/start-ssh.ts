import { fingerprintOf, isSignedByKey, readCertifiedKey, SSH_CERTIFICATE_TYPE } from "@sandlot/domain";
import { systemClock } from "@sandlot/lifetime";
import type { Logger } from "@sandlot/telemetry";
import ssh2, { type AuthContext, type Connection, type PublicKeyAuthContext } from "ssh2";
import { openGuest } from "./guest";
import { ensureHostKey } from "./host-key";
import { limits } from "./limits";
import { serveClient } from "./session";

export type SshConfig = {
  readonly listenHost: string;
  /** 0: any free one. */
  readonly listenPort: number;
  readonly hostKeyPath: string;
  /** The proxy that leads to sandboxes, such as `http://127.0.0.1:3002`. */
  readonly proxyUrl: string;
};

export type SshParts = {
  /** The sandbox's envd token, empty when it has none; undefined when the key does not open it. */
  readonly authorize: (of: {
    sandboxId: string;
    fingerprint: string;
    /** Shown in place of a registered key; empty: none. */
    certificate: Uint8Array;
  }) => Promise<string | undefined>;
  readonly logger: Logger;
};

export type SshServer = AsyncDisposable & { readonly port: number };

const NO_BYTES = Buffer.alloc(0);
/** `<sandbox>` or `<sandbox>.<user in it>`. */
const NAME = /^([a-z0-9]{1,64})(?:\.([a-z_][a-z0-9_-]{0,31}))?$/;

/** SSH whose user names are sandboxes. Public keys only. */
export async function startSsh(config: SshConfig, parts: SshParts): Promise<SshServer> {
  const clients = new Set<Connection>();
  let strangers = 0;
  const options = {
    hostKeys: [ensureHostKey(config.hostKeyPath)],
    ident: "Sandlot",
    keepaliveInterval: limits.keepaliveMs,
    keepaliveCountMax: limits.keepalives,
  };
  const server = new ssh2.Server(options, (client) => {
    client.on("error", () => undefined); // `close` follows and tells
    if (strangers >= limits.strangers || clients.size >= limits.connections) {
      client.end();
      return;
    }
    clients.add(client);
    strangers += 1;
    const login = systemClock.after(limits.loginMs, () => client.end());
    const greeted = (): void => {
      if (isKnown) return;
      isKnown = true;
      strangers -= 1;
      login[Symbol.dispose]();
    };
    let isKnown = false;
    client.on("close", () => {
      greeted();
      clients.delete(client);
    });
    greet(client, config, parts, greeted);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(config.listenPort, config.listenHost, () => resolve());
  });
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const client of clients) client.end();
      await closed;
    },
  };
}

/** One client until it has shown a key that opens the sandbox it names. */
function greet(client: Connection, { proxyUrl }: SshConfig, parts: SshParts, greeted: () => void): void {
  let tries = 0;
  let opened: { sandboxId: string; user: string | undefined; envdToken: string } | undefined;
  client.on("authentication", async (context: AuthContext) => {
    tries += 1;
    if (tries > limits.keyTries) return client.end();
    const who = NAME.exec(context.username);
    if (context.method !== "publickey" || who === null) return context.reject(["publickey"]);
    const [, sandboxId = "", user] = who;
    const key = context as PublicKeyAuthContext;
    try {
      const isProven = key.signature === undefined || isSigned(key);
      const certificate = key.key.algo === SSH_CERTIFICATE_TYPE ? key.key.data : NO_BYTES;
      const fingerprint = fingerprintOf(key.key.data);
      const envdToken = isProven ? await parts.authorize({ sandboxId, fingerprint, certificate }) : undefined;
      if (envdToken === undefined) return context.reject(["publickey"]);
      if (key.signature !== undefined) opened = { sandboxId, user, envdToken };
      context.accept();
    } catch (thrown) {
      parts.logger.warn("a key could not be looked up", { thrown });
      context.reject(["publickey"]);
    }
  });
  client.once("ready", () => {
    greeted();
    if (opened === undefined) return void client.end();
    parts.logger.info("a client entered a sandbox", { sandboxId: opened.sandboxId });
    serveClient(client, openGuest({ proxyUrl, ...opened }));
  });
}

/** Whether the client has the private half. */
function isSigned({ key, blob, signature, hashAlgo }: PublicKeyAuthContext): boolean {
  if (key.algo === SSH_CERTIFICATE_TYPE) {
    const certified = readCertifiedKey(key.data);
    if (certified === undefined || blob === undefined || signature === undefined) return false;
    return isSignedByKey(certified, blob, signature);
  }
  const parsed = ssh2.utils.parseKey(`${key.algo} ${key.data.toString("base64")}`);
  if (parsed instanceof Error || blob === undefined || signature === undefined) return false;
  return parsed.verify(blob, signature, hashAlgo) === true;
}
