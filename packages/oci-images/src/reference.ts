/** An image's name as people write it, taken apart by the rules that Docker made. */
import { imageFaults } from "./faults";

export type ImageReference = {
  /** `docker.io`, `127.0.0.1:5000`, … */
  readonly registry: string;
  /** With `library/` where Docker Hub wants it. */
  readonly repository: string;
  /** Present whenever there is no digest; `latest` by default. */
  readonly tag: string | undefined;
  /** `sha256:…`; wins over the tag. */
  readonly digest: string | undefined;
};

const REPOSITORY = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const REGISTRY = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const LONGEST = 512;

/** @throws Fault `image_bad_reference` */
export function parseReference(text: string): ImageReference {
  const bad = (why: string): never => {
    throw imageFaults.bad_reference({ reference: text.slice(0, LONGEST), why });
  };
  if (text.length > LONGEST) bad("it is too long");
  const [named = "", digest, ...more] = text.trim().split("@");
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest)))
    bad("its digest is not sha256:<64 hex digits>");
  const { registry, rest } = splitRegistry(named);
  const colon = rest.lastIndexOf(":");
  const name = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) bad("its tag has characters that tags cannot have");
  if (!REGISTRY.test(registry)) bad("its registry is not a host name");
  const repository = registry === "docker.io" && !name.includes("/") ? `library/${name}` : name;
  if (!REPOSITORY.test(repository)) bad("names are lower-case letters and digits, parted by . _ - and /");
  return { registry, repository, tag: tag ?? (digest === undefined ? "latest" : undefined), digest };
}

/** The first part names a registry when it looks like a host: a dot, a port, or `localhost`. */
function splitRegistry(named: string): { registry: string; rest: string } {
  const slash = named.indexOf("/");
  const first = slash < 0 ? "" : named.slice(0, slash);
  if (!/[.:]/.test(first) && first !== "localhost") return { registry: "docker.io", rest: named };
  const registry = first === "index.docker.io" || first === "registry-1.docker.io" ? "docker.io" : first;
  return { registry, rest: named.slice(slash + 1) };
}

/** The whole name, as it is compared with rules and shown to people. */
export function formatReference({ registry, repository, tag, digest }: ImageReference): string {
  return `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}
