/** What the object store still has to be told: uploads of committed builds, removals. Goes on until done, across restarts. */
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { sleep } from "@sandlot/lifetime";
import type { Logger } from "@sandlot/telemetry";
import { isAbsent, writeDurably } from "../durable";
import { isBuildId, KEYS } from "../names";
import type { ObjectStore } from "../object-store";
import { COLLECT_RULES, type CollectRules, collectRemote, putOffRemoval } from "./collect-remote";
import { uploadGuestLayer } from "./guest-layers";
import type { Holds } from "./holds";
import { buildsToUpload, markInStore } from "./in-store";
import type { Layout } from "./layout";
import { parseManifest } from "./manifest";
import { packedAtMost, packFile } from "./packed";

/** Rest when there is nothing to do, but for new work. */
const REST_MS = 600_000;
/** One try of one build. */
const TRY_LIMIT_MS = 20 * 60_000;
const RESTS_MS = [1_000, 2_000, 5_000, 15_000, 60_000] as const;

type Parts = {
  readonly layout: Layout;
  readonly holds: Holds;
  readonly remote: ObjectStore;
  readonly logger: Logger;
  readonly restsMs?: readonly number[];
  readonly collectRules?: CollectRules;
};

export class RemoteWork {
  readonly #parts: Parts;
  readonly #stop = new AbortController();
  #wake: AbortController = new AbortController();
  #pendingUploads = 0;
  #nextCollectMs = 0;
  readonly #removals = new Set<string>();
  #loop: Promise<void> = Promise.resolve();

  get #rules(): CollectRules {
    return this.#parts.collectRules ?? COLLECT_RULES;
  }

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { layout, remote } = this.#parts;
    for (const name of await readdir(layout.pending)) if (isBuildId(name)) this.#removals.add(name);
    this.#pendingUploads = (await buildsToUpload(layout, remote.name)).length;
    this.#loop = this.#run();
  }

  get pendingUploads(): number {
    return this.#pendingUploads;
  }

  isRemoving(buildId: string): boolean {
    return this.#removals.has(buildId);
  }

  /** A build has been committed. */
  committed(): void {
    this.#pendingUploads += 1;
    this.#wake.abort();
  }

  /** On the disk when it resolves: the store will forget the build, whatever happens to this process. */
  async removeSoon(buildId: string): Promise<void> {
    await writeDurably(join(this.#parts.layout.pending, buildId), "remove\n");
    this.#removals.add(buildId);
    this.#wake.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the store is closed"));
    await this.#loop;
  }

  /** One thing at a time, so that nothing overtakes what was said before of the same build. */
  async #run(): Promise<void> {
    const rests = this.#parts.restsMs ?? RESTS_MS;
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController();
      const isClean = await this.#round();
      if (isClean) await this.#collect();
      failures = isClean ? 0 : failures + 1;
      if (this.#stop.signal.aborted) return;
      const restMs = isClean
        ? Math.min(REST_MS, this.#rules.everyMs)
        : (rests[Math.min(failures - 1, rests.length - 1)] ?? 60_000);
      // New work does not shorten the rest after a failure: the store is not to be hurried.
      const wake = isClean ? AbortSignal.any([this.#stop.signal, this.#wake.signal]) : this.#stop.signal;
      await sleep(restMs, wake).catch(() => undefined);
    }
  }

  /** What fails is tried again at the next rest: nothing waits for it. */
  async #collect(): Promise<void> {
    const { logger, remote } = this.#parts;
    const { signal } = this.#stop;
    if (signal.aborted || Date.now() < this.#nextCollectMs) return;
    this.#nextCollectMs = Date.now() + Math.min(this.#rules.everyMs, REST_MS);
    try {
      const bytes = await collectRemote(remote, this.#rules, signal);
      if (bytes > 0) logger.info("layers that no build names were removed from the object store", { bytes });
    } catch (thrown) {
      if (!signal.aborted) logger.warn("the object store's layers could not be looked through", { thrown });
    }
  }

  /** @returns whether all there was is done */
  async #round(): Promise<boolean> {
    const { layout, remote } = this.#parts;
    let isClean = true;
    for (const buildId of this.#removals) isClean = (await this.#attempt("removal", buildId, this.#remove)) && isClean;
    const uploads = await buildsToUpload(layout, remote.name);
    this.#pendingUploads = uploads.length;
    for (const buildId of uploads) {
      const isDone = await this.#attempt("upload", buildId, this.#upload);
      if (isDone) this.#pendingUploads = Math.max(0, this.#pendingUploads - 1);
      isClean = isDone && isClean;
    }
    return isClean;
  }

  async #attempt(
    what: string,
    buildId: string,
    work: (buildId: string, signal: AbortSignal) => Promise<void>,
  ): Promise<boolean> {
    const { signal } = this.#stop;
    if (signal.aborted) return false;
    try {
      await work.call(this, buildId, AbortSignal.any([signal, AbortSignal.timeout(TRY_LIMIT_MS)]));
      return true;
    } catch (thrown) {
      // Removed meanwhile: there is nothing left to upload, and what has been sent goes with the removal.
      if (what === "upload" && (this.#removals.has(buildId) || !(await this.#isHere(buildId)))) return true;
      if (!signal.aborted)
        this.#parts.logger.warn("the object store could not be told, trying again", { what, buildId, thrown });
      return false;
    }
  }

  async #isHere(buildId: string): Promise<boolean> {
    return (await stat(this.#parts.layout.manifest(buildId)).catch(() => undefined)) !== undefined;
  }

  /** What others refer to first, the manifest last: a build that can be seen in the store is whole. */
  async #upload(buildId: string, signal: AbortSignal): Promise<void> {
    const { layout, holds, remote } = this.#parts;
    const text = await readFile(layout.manifest(buildId), "utf8").catch((thrown: unknown) => {
      if (isAbsent(thrown)) return undefined;
      throw thrown;
    });
    if (text === undefined || this.#removals.has(buildId)) return;
    const { layers, memory } = parseManifest(buildId, text);
    const shared = layers.map(layout.layer);
    if (memory !== undefined) shared.push(layout.guestLayer(memory.guestLayer));
    using _held = holds.hold(shared);
    const startMs = Date.now();
    await putOffRemoval(remote, { layers, settleMs: this.#rules.settleMs }, signal);
    for (const layer of layers) await this.#uploadOnce(KEYS.layer(layer), layout.layer(layer), signal);
    if (memory !== undefined) await uploadGuestLayer({ layout, remote, name: memory.guestLayer }, signal);
    for (const { name, sizeBytes } of memory?.files ?? []) {
      const key = KEYS.packed(buildId, name);
      // Nobody else puts this build's memory, and an object is there whole or not at all.
      if ((await remote.head(key, signal)) !== undefined) continue;
      const bytes = packFile(layout.memory(buildId, name));
      await remote.putStream({ key, bytes, atMostBytes: packedAtMost(sizeBytes) }, signal);
    }
    if (this.#removals.has(buildId)) return;
    // A machine that slept meanwhile: what was looked for long ago may have been collected.
    if (Date.now() - startMs > TRY_LIMIT_MS) throw new Error("it took too long, and is looked at anew");
    await remote.putBytes({ key: KEYS.manifest(buildId), bytes: new TextEncoder().encode(text) }, signal);
    await markInStore(layout.build(buildId), remote.name);
  }

  /** Objects are put whole, and those of one name have one content. */
  async #uploadOnce(key: string, path: string, signal: AbortSignal): Promise<void> {
    const { remote } = this.#parts;
    const [there, here] = await Promise.all([remote.head(key, signal), stat(path)]);
    if (there?.sizeBytes !== here.size) await remote.putFile({ key, path }, signal);
  }

  /** The manifest first: what is left if this breaks off belongs to no build. */
  async #remove(buildId: string, signal: AbortSignal): Promise<void> {
    const { layout, remote } = this.#parts;
    await remote.remove(KEYS.manifest(buildId), signal);
    const keys: string[] = [];
    for await (const { key } of remote.list(KEYS.build(buildId), signal)) keys.push(key);
    for (const key of keys) await remote.remove(key, signal);
    await rm(join(layout.pending, buildId), { force: true });
    this.#removals.delete(buildId);
  }
}
