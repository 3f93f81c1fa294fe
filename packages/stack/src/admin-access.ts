/** What a command that runs beside the installation may say to its API in the operator's name. */
import { openDatabase, readTeamByKeyHash } from "@sandlot/db";
import { hashApiKey } from "@sandlot/domain";
import { stackFaults } from "./faults";
import { pathsOf } from "./paths";
import { loadSecrets } from "./secrets";
import { postgresUrl } from "./services/table";
import { loadSettings } from "./settings";

export type AdminAccess = {
  /** Headers of a call for the installation's own team. */
  readonly headers: Readonly<Record<string, string>>;
  /** The key that every command of this installation uses. */
  readonly ownKeyId: string;
};

/** @throws Fault `stack_not_running`, `stack_unreadable` when the database does not know the installation's key, `db_unavailable` */
export async function adminAccess(dataDir: string): Promise<AdminAccess> {
  const settings = loadSettings(dataDir);
  const { secrets: path } = pathsOf(settings.dataDir);
  const secrets = loadSecrets(path);
  await using db = openDatabase({ connectionString: postgresUrl({ settings, secrets }) });
  const own = await readTeamByKeyHash(db, hashApiKey(secrets.apiKey) ?? "");
  if (own === undefined) throw stackFaults.unreadable({ path, why: "the database does not know its key" });
  return { headers: { "X-Admin-Token": secrets.adminToken, "X-Team-ID": own.team.teamId }, ownKeyId: own.keyId };
}
