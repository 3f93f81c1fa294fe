/** Wiring: what the api is made of, in the order it starts; disposed of newest first. */
import { openDatabase } from "@sandlot/db";
import { systemClock } from "@sandlot/lifetime";
import { parseMirrors } from "@sandlot/oci-images";
import { openState, type StateLimits } from "@sandlot/state";
import { type Logger, startLogger } from "@sandlot/telemetry";
import { startAuthenticator } from "./auth/authenticate";
import { startTeamLookup } from "./auth/team-lookup";
import type { ApiConfig } from "./config";
import { startEvents } from "./events";
import { buildApp } from "./http/app";
import { serve } from "./http/serve";
import { startInternalServer } from "./internal/server";
import { limits } from "./limits";
import { startNodeRegistry } from "./nodes/registry";
import { openStartQueue } from "./nodes/start-queue";
import { startObserving } from "./observing/start";
import { handlersOf } from "./routes/index";
import { startCollector } from "./sandboxes/collect-builds";
import { expireSandbox } from "./sandboxes/expire";
import { startExpiry } from "./sandboxes/expiry";
import { openLocalKnowledge } from "./sandboxes/local-knowledge";
import { startNodeSync } from "./sandboxes/node-sync";
import type { SandboxParts } from "./sandboxes/parts";
import { startSettling } from "./sandboxes/settle";
import { openIdentity } from "./secrets/identity";
import { openVault } from "./secrets/vault";
import { startBuildWatch } from "./templates/build-watch";
import type { TemplateParts } from "./templates/parts";
import { receiveUpload } from "./templates/receive-upload";
import { checkUploadLink, UPLOAD_PATH } from "./templates/upload-link";

export type Api = AsyncDisposable & {
  /** REST, `http://host:port`. */
  readonly url: string;
  /** gRPC, `host:port`. */
  readonly internalAddress: string;
};

/** For tests: a logger of theirs, and bounds of the store that they need not wait for. */
export type ApiMeans = { readonly logger?: Logger; readonly stateLimits?: Partial<StateLimits> };

/**
 * Starts the api. Redis and nodes may come later; PostgreSQL must be there and migrated.
 * @throws Fault `db_unavailable`, `db_outdated`
 */
export async function startApi(config: ApiConfig, given: ApiMeans = {}): Promise<Api> {
  const logger = given.logger ?? startLogger("api", config.logLevel);
  const clock = systemClock;
  await using held = new AsyncDisposableStack();
  const db = held.use(openDatabase({ connectionString: config.postgresUrl.reveal() }));
  await db.assertMigrated();
  const state = held.use(openState({ redisUrl: config.redisUrl.reveal() }, { limits: given.stateLimits ?? {} }));
  const observing = held.use(startObserving({ db, store: state.sandboxes, clock, logger: logger.room("observing") }));
  const events = startEvents(logger.room("events"), observing);
  const nodes = held.use(startNodeRegistry({ addresses: config.nodeAddresses, events }));
  held.use(observing.collectFrom(nodes));
  const queue = openStartQueue({ perNode: limits.startsPerNode, queue: limits.startQueue, clock });
  const local = openLocalKnowledge(clock);
  const expiry = held.use(
    startExpiry({
      store: state.sandboxes,
      clock,
      expire: (record) => expireSandbox(parts, record),
      onError: (thrown) => logger.warn("expiry failed, will be tried again", { thrown }),
    }),
  );
  const collector = held.use(startCollector({ db, state, nodes, events }));
  const secrets = openSecrets(config, { db, clock });
  const parts: SandboxParts = {
    ...{ db, state, nodes, queue, clock, events, expiry, local, collector, ...secrets },
    tokenSeed: config.tokenSeed.reveal(),
  };
  held.use(startNodeSync(parts));
  const builds = held.use(startBuildWatch({ db, nodes, logger: logger.room("builds") }));
  const templates: TemplateParts = { ...parts, builds, mirrors: parseMirrors(config.imageMirrors) };
  held.use(startSettling(parts));
  const internal = held.use(
    await startInternalServer({
      host: config.internalListenHost,
      port: config.internalPort,
      parts,
      nodeToken: config.nodeToken.reveal(),
    }),
  );
  const teams = startTeamLookup({ db, clock, logger: logger.room("auth") });
  const authenticate = startAuthenticator({ teams, adminToken: config.adminToken });
  let isDraining = false;
  const { trafficOrigin } = config;
  const handlers = handlersOf({ ...parts, ...templates, isDraining: () => isDraining, trafficOrigin });
  const uploads = {
    path: UPLOAD_PATH,
    receive: async (request: Request) => {
      const target = checkUploadLink({ seed: templates.tokenSeed, url: new URL(request.url), nowMs: clock.nowMs() });
      await receiveUpload({ request, target, cacheDir: config.buildCachePath });
    },
  };
  const app = buildApp({ handlers, authenticate, uploads, logger: logger.room("http") });
  const web = held.use(serve({ app, host: config.listenHost, port: config.port }));
  held.defer(() => {
    isDraining = true;
  });
  await Promise.race([
    nodes.firstRound(),
    new Promise((resolve) => clock.after(limits.nodePollDeadlineMs, () => resolve(0))),
  ]);
  logger.info("api started", { url: web.url, internalAddress: internal.address });
  const all = held.move();
  return { url: web.url, internalAddress: internal.address, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Absent without a key to seal with. */
function openSecrets(
  config: ApiConfig,
  { db, clock }: Pick<SandboxParts, "db" | "clock">,
): Pick<SandboxParts, "vault" | "identity"> {
  const key = config.secretsKey.reveal();
  if (key === "") return { vault: undefined, identity: undefined };
  const vault = openVault(key);
  // A domain may carry a port; a trust domain may not.
  const trustDomain = config.domain.split(":")[0] ?? config.domain;
  const issuer = config.identityIssuer ?? `https://api.${config.domain}`;
  return { vault, identity: openIdentity({ issuer, trustDomain }, { db, vault, clock }) };
}
