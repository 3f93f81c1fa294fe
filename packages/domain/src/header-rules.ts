// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the wire's placeholders look like this
/** `network.rules`: what is set on requests towards a domain, and the placeholders that are filled in when one leaves (behaviour §1.6). */
import { defineFaults } from "@sandlot/faults";
import { canonicalName, type DomainRule } from "./egress";

const LIMITS = { domains: 10, domainChars: 128, headers: 20, nameChars: 64, valueChars: 2048, secrets: 32 };

export const ruleFaults = defineFaults("network_rules", {
  too_many_domains: { kind: "invalid", say: () => `network.rules takes at most ${LIMITS.domains} domains` },
  bad_domain: { kind: "invalid", say: (f: { domain: string }) => `network.rules: '${f.domain}' is not a valid domain` },
  too_many_rules: {
    kind: "invalid",
    say: (f: { domain: string }) => `network.rules: at most one rule for ${f.domain}`,
  },
  too_many_headers: {
    kind: "invalid",
    say: (f: { domain: string }) => `network.rules: at most ${LIMITS.headers} headers for ${f.domain}`,
  },
  bad_header: {
    kind: "invalid",
    say: (f: { domain: string; name: string }) => `network.rules: header '${f.name}' for ${f.domain} cannot be set`,
  },
  bad_value: {
    kind: "invalid",
    say: (f: { domain: string; name: string; why: string }) =>
      `network.rules: the value of header '${f.name}' for ${f.domain} ${f.why}`,
  },
  old_envd: {
    kind: "invalid",
    say: (f: { version: string }) =>
      `envd ${f.version} of the template does not support network.rules: re-build the template`,
  },
  too_many_secrets: {
    kind: "invalid",
    say: (f: { domain: string }) => `network.rules: at most ${LIMITS.secrets} distinct secrets for ${f.domain}`,
  },
});

export type RulesRequest = Readonly<
  Record<string, readonly { readonly transform?: { readonly headers?: Readonly<Record<string, string>> } }[]>
>;

/** Setting these would change where a request goes or how long it is, which is not a header's business. */
const UNSETTABLE = new Set([
  ...["host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "upgrade"],
  ...["te", "trailer", "expect", "http2-settings"],
]);

/** What a value's placeholders stand for. */
export type Placeholder =
  | { readonly kind: "secret"; readonly name: string }
  | { readonly kind: "token"; readonly name: string };

const PLACEHOLDER = /\$\{e2b\.(?:secrets\.([A-Za-z0-9_-]{1,128})|identity\.tokens\.([^{}\p{Cc}]{1,128}))\}/gu;

/** Splits a value into plain text and placeholders; undefined when something that begins like a placeholder is none. */
export function parseTemplate(value: string): (string | Placeholder)[] | undefined {
  const parts: (string | Placeholder)[] = [];
  let at = 0;
  for (const match of value.matchAll(PLACEHOLDER)) {
    parts.push(value.slice(at, match.index));
    // Secrets' names are kept in lower case.
    if (match[1] !== undefined) parts.push({ kind: "secret", name: match[1].toLowerCase() });
    else parts.push({ kind: "token", name: match[2] ?? "" });
    at = match.index + match[0].length;
  }
  parts.push(value.slice(at));
  const isMalformed = parts.some((part) => typeof part === "string" && part.includes("${e2b."));
  return isMalformed ? undefined : parts.filter((part) => part !== "");
}

export function placeholdersOf(rule: DomainRule): Placeholder[] {
  return Object.values(rule.headers)
    .flatMap((value) => parseTemplate(value) ?? [])
    .filter((part) => typeof part !== "string");
}

/** @throws Fault of `ruleFaults` */
export function planRules(request: RulesRequest): DomainRule[] {
  const entries = Object.entries(request);
  if (entries.length > LIMITS.domains) throw ruleFaults.too_many_domains({});
  const rules = entries.map(([text, list]) => {
    const domain = text.length <= LIMITS.domainChars && !text.endsWith(".") ? canonicalName(text) : undefined;
    if (domain === undefined) throw ruleFaults.bad_domain({ domain: text.slice(0, 256) });
    if (list.length > 1) throw ruleFaults.too_many_rules({ domain });
    return { domain, headers: checkHeaders(domain, list[0]?.transform?.headers ?? {}) };
  });
  const twice = rules.find(({ domain }, at) => rules.findIndex((other) => other.domain === domain) !== at);
  if (twice !== undefined) throw ruleFaults.too_many_rules({ domain: twice.domain });
  return rules.filter(({ headers }) => Object.keys(headers).length > 0);
}

function checkHeaders(domain: string, headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(headers);
  if (entries.length > LIMITS.headers) throw ruleFaults.too_many_headers({ domain });
  const secrets = new Set<string>();
  for (const [name, value] of entries) {
    const isToken = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) && name.length <= LIMITS.nameChars;
    if (!isToken || UNSETTABLE.has(name.toLowerCase()))
      throw ruleFaults.bad_header({ domain, name: name.slice(0, 80) });
    const bad = (why: string) => ruleFaults.bad_value({ domain, name, why });
    if (value.length > LIMITS.valueChars) throw bad(`is longer than ${LIMITS.valueChars} characters`);
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) throw bad("holds a character that no header may hold");
    const parts = parseTemplate(value);
    if (parts === undefined) throw bad("holds a malformed placeholder");
    for (const part of parts) if (typeof part !== "string" && part.kind === "secret") secrets.add(part.name);
  }
  if (secrets.size > LIMITS.secrets) throw ruleFaults.too_many_secrets({ domain });
  return headers;
}
