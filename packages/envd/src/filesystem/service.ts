/** The filesystem service: metadata calls under the user's identity, and watching. behaviour.md §2.5. */
import { lstatSync, mkdirSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { create } from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import {
  type EntryInfo,
  Filesystem,
  ListDirResponseSchema,
  MakeDirResponseSchema,
  MoveResponseSchema,
  RemoveResponseSchema,
  StatResponseSchema,
} from "@sandlot/contracts/envd/filesystem";
import { asUser, isErrno } from "@sandlot/linux";
import { userOfRpc } from "../auth";
import type { Envd } from "../envd";
import { fileFaults } from "../files/faults";
import { makeParents } from "../files/open-file";
import { pathFor } from "../files/request";
import type { User } from "../users";
import { watchMethods } from "../watch/methods";
import { describeEntry, OwnerNames } from "./entry-info";
import { filesystemFaults, withPathFaults } from "./faults";
import { forLegacyClient } from "./legacy";
import { listDirectory } from "./list-directory";
import { removeTree } from "./remove-tree";
import { runInSlices } from "./slices";

export function registerFilesystem(router: ConnectRouter, envd: Envd): void {
  router.service(Filesystem, {
    async stat(request, context) {
      const at = locate(request.path, context, envd);
      return create(StatResponseSchema, { entry: await stat(at, context, envd) });
    },
    async makeDir(request, context) {
      const at = locate(request.path, context, envd);
      await makeDirectory(at);
      return create(MakeDirResponseSchema, { entry: await stat(at, context, envd) });
    },
    async move(request, context) {
      const source = locateNamed(request.source, context, envd);
      const destination = locateNamed(request.destination, context, envd);
      await move(source, destination);
      return create(MoveResponseSchema, { entry: await stat(destination, context, envd) });
    },
    async listDir(request, context) {
      const at = locate(request.path, context, envd);
      const entries = await list(at, { depth: Math.max(1, request.depth), context, envd });
      return create(ListDirResponseSchema, { entries: entries.map((entry) => forLegacyClient(entry, context)) });
    },
    async remove(request, context) {
      const { path, user } = locateNamed(request.path, context, envd);
      await withPathFaults({ path, user, doing: "removing" }, () =>
        runInSlices(user, removeTree(path), context.signal).catch(ignoreMissingParent),
      );
      return create(RemoveResponseSchema);
    },
    ...watchMethods(envd),
  });
}

type Place = { readonly user: User; readonly path: string };

function locate(path: string, context: HandlerContext, envd: Envd): Place {
  const user = userOfRpc(context.requestHeader, envd);
  return { user, path: pathFor(user, path, envd) };
}

/** For calls that would do harm to a place nobody named. */
function locateNamed(path: string, context: HandlerContext, envd: Envd): Place {
  if (path === "") throw fileFaults.empty_path({});
  return locate(path, context, envd);
}

async function stat({ user, path }: Place, context: HandlerContext, envd: Envd): Promise<EntryInfo> {
  const entry = await withPathFaults({ path, user, doing: "looking at", missing: filesystemFaults.file_missing }, () =>
    asUser(user, () => describeEntry({ rawPath: Buffer.from(path), owners: new OwnerNames(envd.accounts) })),
  );
  return forLegacyClient(entry, context);
}

async function makeDirectory({ user, path }: Place): Promise<void> {
  await withPathFaults({ path, user, doing: "making the directory" }, () => asUser(user, () => makeNewDirectory(path)));
}

function makeNewDirectory(path: string): void {
  const bare = path.replace(/\/+$/, "") || "/";
  makeParents(dirname(bare));
  try {
    mkdirSync(bare, { mode: 0o755 });
  } catch (thrown) {
    if (!isErrno(thrown, "EEXIST")) throw thrown;
    throw isDirectory(bare) ? filesystemFaults.directory_exists({ path }) : filesystemFaults.blocked({ path });
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

async function move(source: Place, destination: Place): Promise<void> {
  const { user } = source;
  const missing = filesystemFaults.source_missing;
  await withPathFaults({ path: source.path, user, doing: "moving", missing }, () =>
    asUser(user, () => {
      lstatSync(source.path);
      makeParents(dirname(destination.path.replace(/\/+$/, "") || "/"));
      renameSync(source.path, destination.path);
    }),
  );
}

async function list(
  { user, path }: Place,
  of: { depth: number; context: HandlerContext; envd: Envd },
): Promise<EntryInfo[]> {
  return withPathFaults({ path, user, doing: "listing", missing: filesystemFaults.path_missing }, () => {
    if (!asUser(user, () => statSync(path)).isDirectory()) throw filesystemFaults.not_directory({ path });
    const owners = new OwnerNames(of.envd.accounts);
    return runInSlices(user, listDirectory({ path, depth: of.depth, owners }), of.context.signal);
  });
}

/** Where a parent is a file, there is nothing to remove either. */
function ignoreMissingParent(thrown: unknown): void {
  if (!isErrno(thrown, "ENOTDIR")) throw thrown;
}
