/** A watch as a request asks for it: checked, opened under the user's identity, its changes held as wire events. */
import { statSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { EventType, type FilesystemEvent, FilesystemEventSchema } from "@sandlot/contracts/envd/filesystem";
import { isFault } from "@sandlot/faults";
import { systemClock } from "@sandlot/lifetime";
import { asUser } from "@sandlot/linux";
import type { Envd } from "../envd";
import { describeEntry, OwnerNames } from "../filesystem/entry-info";
import { withPathFaults } from "../filesystem/faults";
import type { User } from "../users";
import { type Change, DirectoryWatcher } from "./directory-watcher";
import { watchFaults } from "./faults";
import { HeldEvents } from "./held-events";
import { isOnNetworkMount } from "./network-mounts";

export type WatchWish = {
  readonly user: User;
  readonly path: string;
  readonly isRecursive: boolean;
  readonly hasEntries: boolean;
  readonly allowsNetworkMounts: boolean;
};

export type OpenWatch = Disposable & { readonly held: HeldEvents; drain(): void };

/** @throws Fault `watch_*`, and those of permissions and names */
export async function openWatch(wish: WatchWish, envd: Envd): Promise<OpenWatch> {
  const { user, path } = wish;
  const held = new HeldEvents();
  return withPathFaults({ path, user, doing: "watching", missing: watchFaults.path_missing }, () => {
    asUser(user, () => checkWatchable(wish));
    const watcher = new DirectoryWatcher({
      user,
      path,
      isRecursive: wish.isRecursive,
      clock: systemClock,
      onChange: (change) => held.push(toEvent(change, wish, envd)),
      onBroken: (thrown) =>
        held.fail(isFault(thrown) ? thrown : watchFaults.failed({ problem: String(thrown) }, thrown)),
    });
    return { held, drain: () => watcher.drain(), [Symbol.dispose]: () => watcher[Symbol.dispose]() };
  });
}

function checkWatchable({ path, allowsNetworkMounts }: WatchWish): void {
  if (!statSync(path).isDirectory()) throw watchFaults.not_directory({ path });
  if (!allowsNetworkMounts && isOnNetworkMount(path)) throw watchFaults.network_mount({ path });
}

const ENTRY_EVENTS: ReadonlySet<EventType> = new Set([EventType.CREATE, EventType.WRITE, EventType.CHMOD]);

function toEvent(change: Change, wish: WatchWish, envd: Envd): FilesystemEvent {
  const { name, type } = change;
  const event = create(FilesystemEventSchema, { name, type });
  if (!wish.hasEntries || !ENTRY_EVENTS.has(type)) return event;
  try {
    const owners = new OwnerNames(envd.accounts);
    event.entry = asUser(wish.user, () => describeEntry({ rawPath: change.rawPath, owners }));
  } catch {
    // Gone again, or out of the user's reach, by the time we look: the event goes without it.
  }
  return event;
}
