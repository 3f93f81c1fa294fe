/** `key create|ls|rm`: API keys of the installation's own team. Each change holds within a second, also for open doors. */
import type { components } from "@sandlot/contracts/rest";
import { adminAccess } from "@sandlot/stack";
import { type CommandSpec, command } from "../command";
import { cliFaults } from "../faults";
import { DATA, JSON_OUT } from "../flags";
import { localApi } from "../local/api";
import { columns } from "../local/table";

type Key = components["schemas"]["TeamAPIKey"];
type Created = components["schemas"]["CreatedTeamAPIKey"];

const create = command({
  name: "key create",
  summary: "Make an API key for another client or person",
  details: "The key is printed alone on the last line, once: only its hash is kept.",
  args: [{ name: "name", help: "what the list shall call it", isRequired: true }],
  flags: { ...DATA, ...JSON_OUT },
  async run({ flags, rest, io }) {
    const { headers } = await adminAccess(flags.data);
    const body = { name: rest[0] };
    const made = await localApi(flags.data).ask({ method: "POST", path: "/api-keys", headers, body });
    const { id, key, name } = made.json as Created;
    io.out(flags.json ? JSON.stringify({ id, name, key }) : key);
    return 0;
  },
});

const ls = command({
  name: "key ls",
  summary: "List the API keys",
  flags: { ...DATA, ...JSON_OUT },
  async run({ flags, io }) {
    const { headers, ownKeyId } = await adminAccess(flags.data);
    const keys = (await localApi(flags.data).ask({ method: "GET", path: "/api-keys", headers })).json as readonly Key[];
    if (flags.json) io.out(JSON.stringify({ keys, own: ownKeyId }));
    else {
      const rows = keys.map(({ id, name, mask, lastUsed }) => [
        id === ownKeyId ? `${name} (sandlot env)` : name,
        `${mask.prefix}${mask.maskedValuePrefix}…${mask.maskedValueSuffix}`,
        lastUsed === null || lastUsed === undefined ? "never" : new Date(lastUsed).toISOString().slice(0, 16),
        id,
      ]);
      io.out(columns([["NAME", "KEY", "LAST USED", "ID"], ...rows]));
    }
    return 0;
  },
});

const rm = command({
  name: "key rm",
  summary: "Take an API key away; calls with it are refused within a second",
  args: [{ name: "key", help: "its name or id, as key ls shows them", isRequired: true }],
  flags: DATA,
  async run({ flags, rest, io }) {
    const { headers, ownKeyId } = await adminAccess(flags.data);
    const api = localApi(flags.data);
    const keys = (await api.ask({ method: "GET", path: "/api-keys", headers })).json as readonly Key[];
    const { id, name } = pick(keys, rest[0] ?? "");
    if (id === ownKeyId) throw cliFaults.key_own({ id });
    await api.ask({ method: "DELETE", path: `/api-keys/${id}`, headers });
    io.out(`removed ${name} (${id})`);
    return 0;
  },
});

/** An id means one key; a name does when no other has it. @throws Fault `cli_key_missing`, `cli_key_ambiguous` */
export function pick<K extends { readonly id: string; readonly name: string }>(keys: readonly K[], name: string): K {
  const found = keys.filter((key) => key.id === name);
  const named = found.length > 0 ? found : keys.filter((key) => key.name === name);
  const [key, another] = named;
  if (key === undefined) throw cliFaults.key_missing({ name });
  if (another !== undefined) throw cliFaults.key_ambiguous({ name, ids: named.map(({ id }) => id).join(", ") });
  return key;
}

export const keyCommands: readonly CommandSpec[] = [create, ls, rm];
