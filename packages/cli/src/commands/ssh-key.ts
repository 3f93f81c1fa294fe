/** `ssh-key add|ls|rm`: public keys that open the installation's own team's sandboxes by SSH. */
import { readFileSync } from "node:fs";
import type { components } from "@sandlot/contracts/rest";
import { type CommandSpec, command } from "../command";
import { cliFaults } from "../faults";
import { DATA, JSON_OUT } from "../flags";
import { localApi } from "../local/api";
import { columns } from "../local/table";
import { pick } from "./key";

type SshKey = components["schemas"]["SshKey"];

const add = command({
  name: "ssh-key add",
  summary: "Let a key open sandboxes: ssh <sandbox>@<host> -p <port>",
  args: [
    {
      name: "file",
      help: "its public half, such as ~/.ssh/id_ed25519.pub; - for the standard input",
      isRequired: true,
    },
  ],
  flags: {
    ...DATA,
    ...JSON_OUT,
    name: { kind: "text", sample: "name", help: "what the list shall call it (the key's comment)" },
    ttl: { kind: "whole", sample: "seconds", help: "how long it shall do so (for good)" },
  },
  async run({ flags, rest: [file = ""], io }) {
    const publicKey = readText(file).trim();
    const body = {
      publicKey,
      ...(flags.name && { name: flags.name }),
      ...(flags.ttl !== undefined && { ttl: flags.ttl }),
    };
    const key = (await localApi(flags.data).ask({ method: "POST", path: "/ssh-keys", body })).json as SshKey;
    io.out(flags.json ? JSON.stringify(key) : `${key.name} ${key.fingerprint} may enter`);
    return 0;
  },
});

const ls = command({
  name: "ssh-key ls",
  summary: "List the keys that open sandboxes",
  flags: { ...DATA, ...JSON_OUT },
  async run({ flags, io }) {
    const keys = (await localApi(flags.data).ask({ method: "GET", path: "/ssh-keys" })).json as readonly SshKey[];
    if (flags.json) io.out(JSON.stringify({ keys }));
    else if (keys.length === 0) io.out("no keys");
    else {
      const minute = (time: string | null | undefined, none: string): string => time?.slice(0, 16) ?? none;
      const rows = keys.map((key) => [
        ...[key.name, key.fingerprint, minute(key.lastUsed, "never"), minute(key.expiresAt, "never"), key.id],
      ]);
      io.out(columns([["NAME", "FINGERPRINT", "LAST USED", "ENDS", "ID"], ...rows]));
    }
    return 0;
  },
});

const rm = command({
  name: "ssh-key rm",
  summary: "Take a key away; what it has opened stays open",
  args: [{ name: "key", help: "its name or id, as ssh-key ls shows them", isRequired: true }],
  flags: DATA,
  async run({ flags, rest: [wanted = ""], io }) {
    const api = localApi(flags.data);
    const keys = (await api.ask({ method: "GET", path: "/ssh-keys" })).json as readonly SshKey[];
    const { id, name } = pick(keys, wanted);
    await api.ask({ method: "DELETE", path: `/ssh-keys/${id}` });
    io.out(`removed ${name} (${id})`);
    return 0;
  },
});

/** @throws Fault `cli_file_unreadable` */
function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (thrown) {
    throw cliFaults.file_unreadable({ path: file, why: thrown instanceof Error ? thrown.message : String(thrown) });
  }
}

export const sshKeyCommands: readonly CommandSpec[] = [add, ls, rm];
