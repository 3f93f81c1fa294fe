import type { Handler } from "../http/handlers";
import { limits } from "../limits";
import type { SandboxParts } from "../sandboxes/parts";

/** GET /admin/sandboxes/running-counts — per team, at most `limits.adminCountsMs` old; teams without any are left out. */
export function countRunningSandboxes({ state, clock }: SandboxParts): Handler<"countRunningSandboxes"> {
  let held: { readonly atMs: number; readonly counts: Record<string, number> } | undefined;
  return async () => {
    if (held === undefined || clock.nowMs() - held.atMs >= limits.adminCountsMs) {
      const atMs = clock.nowMs();
      const counts: Record<string, number> = {};
      for (const record of await state.sandboxes.all()) {
        if (record.state === "running") counts[record.teamId] = (counts[record.teamId] ?? 0) + 1;
      }
      held = { atMs, counts };
    }
    return { status: 200, body: held.counts };
  };
}
