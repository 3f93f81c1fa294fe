/** Where an image named so-and-so really comes from: an operator's list of rules, then the registry in its name. */
import { imageFaults } from "./faults";
import { formatReference, type ImageReference, parseReference } from "./reference";

export type RegistrySource = {
  readonly kind: "registry";
  /** `https://host[:port]`, or `http://…` for a mirror configured so. */
  readonly origin: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
  /** An operator named it: it may lie on a private address. */
  readonly isTrusted: boolean;
};
export type ImageSource =
  | RegistrySource
  /** A fresh Debian from its archive, by mmdebstrap. */
  | { readonly kind: "debian"; readonly suite: string }
  /** A template of this installation, by name: nothing is pulled. */
  | { readonly kind: "template"; readonly name: string };

export type MirrorRule = {
  /** `docker.io/` covers all below it; without a slash at the end one repository, `:tag` at its end one tag. */
  readonly from: string;
  readonly to: string;
};

const SUITES: Readonly<Record<string, string>> = {
  bookworm: "bookworm",
  "12": "bookworm",
  trixie: "trixie",
  "13": "trixie",
};

/**
 * Rules as configuration has them: `from=to`, comma-separated, e.g.
 * `e2bdev/base=template:base,debian:bookworm=debian-archive:bookworm,docker.io/=http://127.0.0.1:5000/hub/`.
 * @throws Fault `image_bad_mirror`
 */
export function parseMirrors(rules: readonly string[]): MirrorRule[] {
  return rules.map((rule) => {
    const cut = rule.indexOf("=");
    if (cut < 1) throw imageFaults.bad_mirror({ rule, why: "it wants the form from=to" });
    const to = rule.slice(cut + 1);
    if (!/^(https?:\/\/[^/]+|template:.+|debian-archive:[a-z]+$)/.test(to)) {
      throw imageFaults.bad_mirror({
        rule,
        why: "the right side wants http(s)://, template:name or debian-archive:suite",
      });
    }
    const from = rule.slice(0, cut);
    return { from: from.endsWith("/") ? from : canonical(from), to };
  });
}

function canonical(from: string): string {
  const { registry, repository } = parseReference(from);
  const hasTag = /:[^/]+$/.test(from);
  return `${registry}/${repository}${hasTag ? from.slice(from.lastIndexOf(":")) : ""}`;
}

/**
 * The places to try, in order; the next one only when one cannot be reached. Rules come first in their own order, then the
 * registry of the name, then, for Docker Hub's Debian, Debian's archive. Pure.
 * @throws Fault `image_bad_reference`
 */
export function imageSources(reference: string, mirrors: readonly MirrorRule[]): ImageSource[] {
  const wanted = parseReference(reference);
  const ruled = mirrors.flatMap((rule) => sourceByRule(rule, wanted));
  const own: RegistrySource = {
    kind: "registry",
    origin: `https://${wanted.registry === "docker.io" ? "registry-1.docker.io" : wanted.registry}`,
    repository: wanted.repository,
    tag: wanted.tag,
    digest: wanted.digest,
    isTrusted: false,
  };
  const suite = suiteOf(wanted);
  return [...ruled, own, ...(suite === undefined ? [] : [{ kind: "debian" as const, suite }])];
}

function sourceByRule(rule: MirrorRule, wanted: ImageReference): ImageSource[] {
  const rest = matchRule(rule.from, wanted);
  if (rest === undefined) return [];
  const named = /^(template|debian-archive):(.+)$/.exec(rule.to);
  if (named?.[1] === "template") return [{ kind: "template", name: named[2] ?? "" }];
  if (named !== null) return [{ kind: "debian", suite: named[2] ?? "" }];
  const url = new URL(rule.to);
  const prefix = url.pathname.replace(/^\//, "");
  const [, repository = "", tag] = /^(.*?)(?::([^/:]+))?$/.exec(`${prefix}${rest}`) ?? [];
  return [
    {
      kind: "registry",
      origin: url.origin,
      repository,
      tag: wanted.digest === undefined ? (tag ?? wanted.tag) : undefined,
      digest: wanted.digest,
      isTrusted: true,
    },
  ];
}

/** What remains of the repository below a prefix rule; empty when the rule names the repository itself. */
function matchRule(from: string, wanted: ImageReference): string | undefined {
  const name = `${wanted.registry}/${wanted.repository}`;
  if (from.endsWith("/")) return name.startsWith(from) ? name.slice(from.length) : undefined;
  return from === name || from === formatReference({ ...wanted, digest: undefined }) ? "" : undefined;
}

function suiteOf({ registry, repository, tag, digest }: ImageReference): string | undefined {
  if (registry !== "docker.io" || repository !== "library/debian" || digest !== undefined) return undefined;
  return SUITES[(tag ?? "").replace(/-slim$/, "")];
}
