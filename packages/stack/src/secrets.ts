/** The installation's secrets: made once, never shown but the client key, mode 0600. */
import { randomBytes } from "node:crypto";
import { stackFaults } from "./faults";
import { readJson, writeJson } from "./json-file";

export type Secrets = {
  /** The local team's key, in the form the stock clients insist on. */
  readonly apiKey: string;
  /** The local owner's, for clients that act as a user. */
  readonly accessToken: string;
  readonly adminToken: string;
  /** Seeds the access tokens of sandboxes; another seed would lock clients out of running ones. */
  readonly tokenSeed: string;
  /** Users' secrets are sealed with it; without it they are lost. */
  readonly secretsKey: string;
  /** By which the api knows the installation's nodes. */
  readonly nodeToken: string;
  readonly postgresPassword: string;
  readonly redisPassword: string;
};

const hex = (bytes: number): string => randomBytes(bytes).toString("hex");

const MAKERS: { readonly [K in keyof Secrets]: () => string } = {
  apiKey: () => `e2b_${hex(20)}`,
  accessToken: () => `sk_e2b_${hex(20)}`,
  adminToken: () => hex(24),
  tokenSeed: () => hex(32),
  secretsKey: () => hex(32),
  nodeToken: () => hex(32),
  postgresPassword: () => hex(16),
  redisPassword: () => hex(16),
};

/** Those of the file, with what a newer version needs in addition added to it. @throws Fault `stack_unreadable` */
export function ensureSecrets(path: string): Secrets {
  const held = readJson(path) ?? {};
  const made = Object.entries(MAKERS).map(([name, make]) => [
    name,
    typeof held[name] === "string" ? held[name] : make(),
  ]);
  const secrets = Object.fromEntries(made) as Secrets;
  if (Object.keys(MAKERS).some((name) => held[name] === undefined)) writeJson(path, { ...held, ...secrets }, 0o600);
  return secrets;
}

/** @throws Fault `stack_unreadable` when there are none yet */
export function loadSecrets(path: string): Secrets {
  if (readJson(path) === undefined) throw stackFaults.unreadable({ path, why: "there is no installation here yet" });
  return ensureSecrets(path);
}
