/** WatchDir, CreateWatcher, GetWatcherEvents, RemoveWatcher. behaviour.md §2.5. */
import { create } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  CreateWatcherResponseSchema,
  type Filesystem,
  type FilesystemEvent,
  GetWatcherEventsResponseSchema,
  RemoveWatcherResponseSchema,
  type WatchDirRequest,
  type WatchDirResponse,
  WatchDirResponseSchema,
} from "@sandlot/contracts/envd/filesystem";
import { userOfRpc } from "../auth";
import type { Envd } from "../envd";
import { pathFor } from "../files/request";
import { keepaliveMs } from "../process/events";
import { openWatch, type WatchWish } from "./open-watch";
import { Watchers } from "./watchers";

type WatchMethods = Pick<
  ServiceImpl<typeof Filesystem>,
  "watchDir" | "createWatcher" | "getWatcherEvents" | "removeWatcher"
>;

export function watchMethods(envd: Envd): WatchMethods {
  const watchers = new Watchers();
  return {
    watchDir: (request, context) => watchDir({ request, context, envd, watchers }),
    async createWatcher(request, context) {
      watchers.checkRoom();
      const watch = await openWatch(wishOf(request, context, envd), envd);
      return create(CreateWatcherResponseSchema, { watcherId: watchers.keep(watch) });
    },
    async getWatcherEvents({ watcherId }) {
      const watch = watchers.load(watcherId);
      await loopTurn();
      watch.drain();
      return create(GetWatcherEventsResponseSchema, { events: watch.held.takeAll() });
    },
    async removeWatcher({ watcherId }) {
      watchers.remove(watcherId);
      return create(RemoveWatcherResponseSchema);
    },
  };
}

async function* watchDir(of: {
  request: WatchDirRequest;
  context: HandlerContext;
  envd: Envd;
  watchers: Watchers;
}): AsyncGenerator<WatchDirResponse> {
  const { context } = of;
  of.watchers.checkRoom();
  using _counted = of.watchers.countStream();
  using watch = await openWatch(wishOf(of.request, context, of.envd), of.envd);
  const quietMs = keepaliveMs(context.requestHeader);
  yield create(WatchDirResponseSchema, { event: { case: "start", value: {} } });
  for (;;) {
    const hasNews = await watch.held.wait({ quietMs, signal: context.signal });
    if (!hasNews) yield create(WatchDirResponseSchema, { event: { case: "keepalive", value: {} } });
    else for (const event of watch.held.takeAll()) yield filesystemMessage(event);
  }
}

function filesystemMessage(event: FilesystemEvent): WatchDirResponse {
  return create(WatchDirResponseSchema, { event: { case: "filesystem", value: event } });
}

type WatchRequest = Pick<WatchDirRequest, "path" | "recursive" | "includeEntry" | "allowNetworkMounts">;

function wishOf(request: WatchRequest, context: HandlerContext, envd: Envd): WatchWish {
  const user = userOfRpc(context.requestHeader, envd);
  return {
    user,
    path: pathFor(user, request.path, envd),
    isRecursive: request.recursive,
    hasEntries: request.includeEntry,
    allowsNetworkMounts: request.allowNetworkMounts,
  };
}

/** Events that the loop has read already are told before those that a drain reads. */
function loopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
