import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext, type SecureContext } from "node:tls";
import { type Clock, every } from "@sandlot/lifetime";
import type { Logger } from "@sandlot/telemetry";
import { type AcmeConfig, HttpChallenges, orderCertificate } from "./acme";
import { type Authority, ensureAuthority } from "./authority";
import { namesFaults } from "./faults";
import { type CertificateFacts, inspectKeyPair, type KeyPair, keepKeyPair, readKeyPair } from "./key-pair";
import { limits } from "./limits";

export type CertificatesConfig = {
  /** Everything made here is kept here; directory and keys are for the owner alone. */
  readonly dir: string;
  /** Without a port. */
  readonly domain: string;
  readonly acme: AcmeConfig | undefined;
  /** `<base>.crt` and `<base>.key` that an operator keeps up to date. */
  readonly ownFiles: string | undefined;
};

/** What a TLS listener shows, by the name that a client asks for. */
export type Certificates = AsyncDisposable & {
  contextFor(serverName: string | undefined): SecureContext;
  /** For clients that name no host: that of the installation's own authority. */
  fallback(): { readonly cert: string; readonly key: string };
  readonly challenges: HttpChallenges;
  /** Looks now at what is due, orders what is missing. */
  renew(): Promise<void>;
};

type Held = CertificateFacts & { readonly context: SecureContext; readonly stamp: string };
type Source = { readonly name: string; readonly base: string; held: Held | undefined };

/**
 * Certificates for one domain: an operator's files, else those of an ACME authority, else those of the installation's own
 * authority, which always has one: the edge answers from its first moment, and goes on when an order fails.
 * @throws Fault `names_certificate_unusable`
 */
export async function openCertificates(
  config: CertificatesConfig,
  parts: { clock: Clock; logger: Logger },
): Promise<Certificates> {
  const opened = new OpenCertificates(config, parts);
  await opened.start();
  return opened;
}

class OpenCertificates implements Certificates {
  readonly challenges = new HttpChallenges();
  readonly #config: CertificatesConfig;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** The first that knows a name wins. */
  readonly #sources: Source[];
  readonly #own: Source;
  readonly #ordered: Source | undefined;
  #authority: Authority | undefined;
  #failures = 0;
  #orderAfterMs = 0;
  #renewing: Promise<void> | undefined;
  #loop: AsyncDisposable | undefined;

  constructor(config: CertificatesConfig, parts: { clock: Clock; logger: Logger }) {
    this.#config = config;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#own = { name: "own authority", base: join(config.dir, "own", config.domain), held: undefined };
    this.#ordered =
      config.acme === undefined
        ? undefined
        : { name: "acme", base: join(config.dir, "acme", config.domain), held: undefined };
    const files = config.ownFiles === undefined ? [] : [{ name: "files", base: config.ownFiles, held: undefined }];
    this.#sources = [...files, ...(this.#ordered === undefined ? [] : [this.#ordered]), this.#own];
  }

  async start(): Promise<void> {
    const { dir, domain } = this.#config;
    this.#authority = await ensureAuthority({ dir, domain, nowMs: this.#clock.nowMs() });
    await this.#renewOwn();
    for (const source of this.#sources) this.#load(source);
    const onError = (thrown: unknown): void => this.#logger.error("looking after certificates failed", { thrown });
    this.#loop = every(Math.min(limits.lookMs, limits.retryAfterMs[0]), () => this.renew(), onError);
  }

  contextFor(serverName: string | undefined): SecureContext {
    const wanted = serverName?.toLowerCase() ?? "";
    const nowMs = this.#clock.nowMs();
    for (const { held } of this.#sources) {
      if (held !== undefined && held.notAfterMs > nowMs && held.names.some((name) => covers(name, wanted)))
        return held.context;
    }
    const [first] = this.#sources.flatMap(({ held }) => (held === undefined ? [] : [held]));
    // Names that are not ours get what there is: the client refuses it, and its message says why.
    return (this.#own.held ?? (first as Held)).context;
  }

  fallback(): { cert: string; key: string } {
    const { base } = this.#own;
    const pair = readKeyPair(base);
    if (pair === undefined) throw namesFaults.certificate_unusable({ path: base, why: "it is gone" });
    return { cert: pair.certPem, key: pair.keyPem };
  }

  /** One look at a time: a second caller gets the first one's. */
  renew(): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renew(): Promise<void> {
    await this.#renewOwn();
    await this.#order();
    for (const source of this.#sources) this.#load(source);
  }

  async #renewOwn(): Promise<void> {
    const { base } = this.#own;
    const nowMs = this.#clock.nowMs();
    const pair = readKeyPair(base);
    const isFine = pair !== undefined && !isDue(inspectKeyPair(pair, base), nowMs) && this.#isOurs(pair);
    if (isFine || this.#authority === undefined) return;
    keepKeyPair(base, await this.#authority.issue(nowMs));
  }

  /** An authority that was made anew did not sign what lies there. */
  #isOurs(pair: KeyPair): boolean {
    return this.#authority !== undefined && pair.certPem.includes(this.#authority.certPem.trim());
  }

  async #order(): Promise<void> {
    const { acme: config, domain, dir } = this.#config;
    const nowMs = this.#clock.nowMs();
    const source = this.#ordered;
    if (config === undefined || source === undefined || nowMs < this.#orderAfterMs) return;
    this.#load(source);
    if (source.held !== undefined && !isDue(source.held, nowMs)) return;
    const names: [string, ...string[]] =
      config.dnsHook === undefined ? [`api.${domain}`, `docker.${domain}`] : [domain, `*.${domain}`];
    try {
      const pair = await orderCertificate({ config, dir, names, challenges: this.challenges });
      inspectKeyPair(pair, config.directoryUrl);
      keepKeyPair(source.base, pair);
      this.#failures = 0;
      this.#logger.info("a certificate was ordered", { names });
    } catch (thrown) {
      const restMs = limits.retryAfterMs[Math.min(this.#failures, limits.retryAfterMs.length - 1)] as number;
      this.#failures += 1;
      this.#orderAfterMs = nowMs + restMs;
      this.#logger.warn("no certificate could be ordered, will be tried again", { names, restMs, thrown });
    }
  }

  /** Takes up what has changed on the disk. What cannot be used leaves what was there before in use. */
  #load(source: Source): void {
    try {
      if (!existsSync(`${source.base}.crt`)) return;
      const stamp = String(statSync(`${source.base}.crt`, { bigint: true }).mtimeNs);
      if (source.held?.stamp === stamp) return;
      const pair = readKeyPair(source.base);
      if (pair === undefined) return;
      const facts = inspectKeyPair(pair, source.base);
      source.held = {
        ...facts,
        stamp,
        context: createSecureContext({ cert: pair.certPem, key: pair.keyPem, minVersion: "TLSv1.2" }),
      };
    } catch (thrown) {
      this.#logger.error("a certificate cannot be used", { source: source.name, thrown });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop?.[Symbol.asyncDispose]();
  }
}

/** Whether less than its share of time is left. */
export function isDue(facts: Pick<CertificateFacts, "notBeforeMs" | "notAfterMs">, nowMs: number): boolean {
  return facts.notAfterMs - nowMs < (facts.notAfterMs - facts.notBeforeMs) * limits.renewAtShare;
}

/** A wildcard stands for exactly one label. */
export function covers(pattern: string, name: string): boolean {
  if (!pattern.startsWith("*.")) return pattern === name;
  const dot = name.indexOf(".");
  return dot > 0 && name.slice(dot + 1) === pattern.slice(2);
}
