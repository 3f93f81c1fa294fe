/** Names of things on the wire (behaviour §1.3). */
import { sandboxFaults, templateFaults } from "./faults";

/** Random bytes, handed in so that tests can hold them. */
export type RandomBytes = (sizeBytes: number) => Uint8Array;

/** The constant second half that old clients print after the sandbox id. */
export const CLIENT_ID = "6532622b";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH = 20;

/** 20 characters of [a-z0-9], unbiased: bytes above the last whole multiple of 36 are drawn again. */
function randomName(random: RandomBytes): string {
  let name = "";
  while (name.length < ID_LENGTH) {
    for (const byte of random(32)) {
      if (byte < 252 && name.length < ID_LENGTH) name += ALPHABET[byte % 36];
    }
  }
  return name;
}

export function newSandboxId(random: RandomBytes): string {
  return `i${randomName(random)}`;
}

/** The machine a build works in. */
export function newBuildSandboxId(random: RandomBytes): string {
  return `b${randomName(random)}`;
}

export function newTemplateId(random: RandomBytes): string {
  return randomName(random);
}

/**
 * A sandbox id as clients send it: `<id>` or `<id>-<clientID>`; the part after the one dash is dropped.
 * @throws Fault `sandbox_bad_id`
 */
export function parseSandboxId(input: string): string {
  const [id = "", , ...rest] = input.split("-");
  if (rest.length > 0 || id.length > 64 || !/^[a-z0-9]+$/.test(id)) throw sandboxFaults.bad_id({});
  return id;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

export type TemplateReference = {
  readonly namespace: string | undefined;
  /** An alias or a raw template id. */
  readonly name: string;
  /** Undefined when the caller named none; readers take `default` then. A UUID selects that exact build. */
  readonly tag: string | undefined;
};

/**
 * `[namespace/]alias[:tag]`, trimmed and lower-cased.
 * @throws Fault `template_bad_reference`
 */
export function parseTemplateReference(input: string): TemplateReference {
  const reference = input.trim().toLowerCase();
  const match = /^(?:([a-z0-9\-_]+)\/)?([a-z0-9\-_]+)(?::([a-z0-9\-_.]+))?$/.exec(reference);
  if (match === null || reference.length > 256) throw templateFaults.bad_reference({ reference: input.slice(0, 256) });
  const [, namespace, name = "", tag] = match;
  return { namespace, name, tag };
}
