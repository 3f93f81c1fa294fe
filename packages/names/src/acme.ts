import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import { join } from "node:path";
import * as acme from "acme-client";
import { runDnsHook } from "./dns-hook";
import { namesFaults } from "./faults";
import { type KeyPair, keepKeyPair, readKeyPair } from "./key-pair";

/** Which authority gives real certificates, and how it sees that the domain is ours. */
export type AcmeConfig = {
  readonly directoryUrl: string;
  /** Where the authority writes to when something is wrong. */
  readonly email: string | undefined;
  /**
   * Program that sets TXT records (DNS-01); with it the certificate is for the domain and every name one label below. Without
   * it HTTP-01 is used, which no authority accepts for wildcards: the certificate is for `httpNames` only.
   */
  readonly dnsHook: string | undefined;
  /** Certificates to trust the directory by, instead of the system's; for an authority of one's own. */
  readonly caFile: string | undefined;
};

/** Answers of HTTP-01, by token: whoever listens on port 80 asks here. */
export class HttpChallenges {
  readonly #answers = new Map<string, string>();
  answer(token: string): string | undefined {
    return this.#answers.get(token);
  }
  put(token: string, answer: string): void {
    this.#answers.set(token, answer);
  }
  remove(token: string): void {
    this.#answers.delete(token);
  }
}

/**
 * Orders one certificate for all of `names`. The account's key is kept in `<dir>/acme/account.key`.
 * @throws Fault `names_acme_failed`, `names_hook_failed`
 */
export async function orderCertificate(of: {
  config: AcmeConfig;
  dir: string;
  names: readonly [string, ...string[]];
  challenges: HttpChallenges;
}): Promise<KeyPair> {
  const { config, names, challenges } = of;
  if (config.caFile !== undefined) {
    acme.axios.defaults.httpsAgent = new Agent({ ca: readFileSync(config.caFile) });
  }
  try {
    const accountKey = await accountKeyOf(of.dir);
    const client = new acme.Client({ directoryUrl: config.directoryUrl, accountKey });
    const [keyPem, csr] = await acme.crypto.createCsr(
      { commonName: names[0], altNames: [...names] },
      await acme.crypto.createPrivateEcdsaKey("P-256"),
    );
    const certPem = await client.auto({
      csr,
      termsOfServiceAgreed: true,
      ...(config.email !== undefined && { email: config.email }),
      challengePriority: [config.dnsHook === undefined ? "http-01" : "dns-01"],
      // We would ask the name servers of this machine, which may see the domain otherwise than the world does.
      skipChallengeVerification: true,
      challengeCreateFn: (authorization, challenge, key) =>
        show({ config, challenges, authorization, challenge, key, what: "add" }),
      challengeRemoveFn: (authorization, challenge, key) =>
        show({ config, challenges, authorization, challenge, key, what: "remove" }),
    });
    return { certPem, keyPem: keyPem.toString() };
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw namesFaults.acme_failed({ names: names.join(", "), why }, thrown);
  }
}

async function accountKeyOf(dir: string): Promise<string> {
  const base = join(dir, "acme", "account");
  const held = readKeyPair(base)?.keyPem;
  if (held !== undefined) return held;
  const keyPem = (await acme.crypto.createPrivateEcdsaKey("P-256")).toString();
  keepKeyPair(base, { keyPem, certPem: "" });
  return keyPem;
}

async function show(of: {
  config: AcmeConfig;
  challenges: HttpChallenges;
  authorization: acme.Authorization;
  challenge: { readonly type: string; readonly token: string };
  key: string;
  what: "add" | "remove";
}): Promise<void> {
  const { challenge, key, what } = of;
  if (challenge.type === "http-01") {
    if (what === "add") of.challenges.put(challenge.token, key);
    else of.challenges.remove(challenge.token);
    return;
  }
  const command = of.config.dnsHook;
  if (command === undefined) return;
  await runDnsHook({ command, what, name: `_acme-challenge.${of.authorization.identifier.value}`, value: key });
}
