/** The first Python client knows three fields of an entry and fails on more. behaviour.md §2.5 "Legacy". */
import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { type EntryInfo, EntryInfoSchema } from "@sandlot/contracts/envd/filesystem";

const LEGACY_USER_AGENT = "connect-python";

/** The entry as this client can take it; marks the answer when something was left out for it. */
export function forLegacyClient(entry: EntryInfo, context: HandlerContext): EntryInfo {
  if (context.requestHeader.get("user-agent") !== LEGACY_USER_AGENT) return entry;
  context.responseHeader.set("x-e2b-legacy-sdk", "true");
  return create(EntryInfoSchema, { name: entry.name, type: entry.type, path: entry.path });
}
