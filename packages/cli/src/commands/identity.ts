/** `identity rotate`: the key that sandboxes' workload tokens are signed with. */
import type { components } from "@sandlot/contracts/rest";
import { adminAccess } from "@sandlot/stack";
import { type CommandSpec, command } from "../command";
import { DATA, JSON_OUT } from "../flags";
import { localApi } from "../local/api";

const rotate = command({
  name: "identity rotate",
  summary: "Make a new key that workload tokens are signed with",
  details:
    "It is published at once and signs six minutes later, when verifiers know it. The one before stays published until its last " +
    "token has ended, and is removed by the next rotation.",
  flags: {
    ...DATA,
    ...JSON_OUT,
    now: { kind: "switch", help: "the old one was stolen: forget it and sign with the new one at once" },
  },
  async run({ flags, io }) {
    const { headers } = await adminAccess(flags.data);
    const body = { now: flags.now === true };
    const path = "/admin/identity-keys/rotate";
    const made = await localApi(flags.data).ask({ method: "POST", path, headers, body });
    const { keyID, signsAt } = made.json as components["schemas"]["RotatedIdentityKey"];
    io.out(flags.json ? JSON.stringify({ keyID, signsAt }) : `${keyID} signs from ${signsAt}`);
    return 0;
  },
});

export const identityCommands: readonly CommandSpec[] = [rotate];
