/** The registry behind: what it wants to see of us, and requests passed on to it as they stream. */
import { answerChallenge, basicOf, parseChallenge, type RegistryCredentials } from "@sandlot/oci-images";
import type { DockerReverseProxyConfig, UpstreamCredentials } from "./config";
import { pushFaults } from "./faults";
import { clientLocation, passedQuery } from "./paths";

/** Hop by hop, or ours alone. `host` names the registry behind, which fetch sets. */
const NOT_PASSED = [
  "authorization",
  "host",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "te",
  "trailer",
  "expect",
];

/**
 * The `authorization` header that lets into one repository, for as long as a token of ours lives or the registry says.
 * @throws Fault `push_upstream`, `image_*`
 */
export async function authorizeUpstream(
  config: DockerReverseProxyConfig,
  repository: string,
): Promise<string | undefined> {
  const origin = new URL(config.registryUrl).origin;
  const answer = await reach(new URL("/v2/", origin), {});
  await answer.body?.cancel();
  if (answer.status !== 401) return undefined;
  const challenge = parseChallenge(answer.headers.get("www-authenticate") ?? undefined);
  if (challenge === undefined) throw pushFaults.upstream({ why: "it asks for nothing we know" });
  const basic = await basicOf(credentialsOf(config.upstream), { nowMs: Date.now() });
  const scope = `repository:${repository}:pull,push`;
  const scoped = { ...challenge, params: { ...challenge.params, scope } };
  return await answerChallenge({
    ...{ challenge: scoped, basic, repository, origin },
    reference: repository,
    trustedOrigin: origin,
  });
}

function credentialsOf(upstream: UpstreamCredentials): RegistryCredentials | undefined {
  switch (upstream.type) {
    case "none":
      return undefined;
    case "registry":
      return { type: "registry", username: upstream.username, password: upstream.password.reveal() };
    case "gcp":
      return { type: "gcp", serviceAccountJson: upstream.serviceAccountJson.reveal() };
    case "aws": {
      const { accessKeyId, region, secretAccessKey } = upstream;
      return { type: "aws", accessKeyId, region, secretAccessKey: secretAccessKey.reveal() };
    }
  }
}

/** Both bodies stream. Redirects are the client's to follow, where a registry leads to its bucket. */
export async function passOn(
  request: Request,
  of: { config: DockerReverseProxyConfig; path: string; authorization: string | undefined },
): Promise<Response> {
  const asked = new URL(request.url);
  const url = new URL(`${of.path}${passedQuery(asked.searchParams)}`, of.config.registryUrl);
  const headers = new Headers(request.headers);
  for (const name of NOT_PASSED) headers.delete(name);
  if (of.authorization !== undefined) headers.set("authorization", of.authorization);
  const answer = await reach(url, {
    method: request.method,
    headers,
    body: request.body,
    redirect: "manual",
    decompress: false,
    signal: request.signal,
  });
  const passed = new Headers(answer.headers);
  for (const name of ["connection", "keep-alive", "transfer-encoding"]) passed.delete(name);
  const location = passed.get("location");
  if (location !== null) passed.set("location", clientLocation(location, of.config));
  return new Response(answer.body, { status: answer.status, headers: passed });
}

async function reach(url: URL, init: BunFetchRequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (thrown) {
    throw pushFaults.upstream({ why: thrown instanceof Error ? thrown.message : String(thrown) }, thrown);
  }
}
