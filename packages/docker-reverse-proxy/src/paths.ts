/** The registry's paths as clients say them, and what they are behind. Pure. */

/** The only repositories there are here: one per template. */
export const CLIENT_PREFIX = "e2b/custom-envs";

export type RegistryPath = {
  readonly templateId: string;
  /** `manifests/…`, `blobs/…`, `tags/list`. */
  readonly rest: string;
};

const TEMPLATE = "[a-z0-9][a-z0-9_-]{0,62}";
const REST = [
  "manifests/[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}",
  "manifests/sha256:[0-9a-f]{64}",
  "blobs/sha256:[0-9a-f]{64}",
  "blobs/uploads/?",
  "blobs/uploads/[A-Za-z0-9_=-][A-Za-z0-9_.=-]*",
  "tags/list",
].join("|");
const PATH = new RegExp(`^/v2/${CLIENT_PREFIX}/(${TEMPLATE})/(${REST})$`);
const SCOPE = new RegExp(`^repository:${CLIENT_PREFIX}/(${TEMPLATE}):([a-z,*]+)$`);

/** Undefined for whatever is not a plain path of a template's repository: nothing is decoded, so nothing hides in it. */
export function parsePath(pathname: string): RegistryPath | undefined {
  const [, templateId, rest] = PATH.exec(pathname) ?? [];
  return templateId === undefined || rest === undefined ? undefined : { templateId, rest };
}

export function parseScope(scope: string): { templateId: string; actions: readonly string[] } | undefined {
  const [, templateId, actions] = SCOPE.exec(scope) ?? [];
  return templateId === undefined || actions === undefined ? undefined : { templateId, actions: actions.split(",") };
}

/**
 * The query as it may be passed on. A mount would take a layer out of another repository, whoever's it is: without it the
 * registry opens a plain upload, which clients know how to go on with.
 */
export function passedQuery(query: URLSearchParams): string {
  const kept = new URLSearchParams(query);
  for (const name of ["mount", "from", "origin"]) kept.delete(name);
  const text = kept.toString();
  return text === "" ? "" : `?${text}`;
}

/** Where the upload goes on, as clients are to say it: below this proxy, and in the name they know. */
export function clientLocation(location: string, of: { registryUrl: string; repositoryPrefix: string }): string {
  const upstream = new URL(of.registryUrl);
  const url = new URL(location, upstream);
  if (url.host !== upstream.host) return location; // a bucket's own address, signed: the client goes there itself
  const behind = `/v2/${of.repositoryPrefix}/`;
  const path = url.pathname.startsWith(behind)
    ? `/v2/${CLIENT_PREFIX}/${url.pathname.slice(behind.length)}`
    : url.pathname;
  return `${path}${url.search}`;
}
