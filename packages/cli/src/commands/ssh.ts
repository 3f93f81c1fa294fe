import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import type { components } from "@sandlot/contracts/rest";
import { loadSettings, pathsOf, sshPlace } from "@sandlot/stack";
import { command } from "../command";
import { cliFaults } from "../faults";
import { DATA } from "../flags";
import { localApi } from "../local/api";

/** Long enough to connect; what is open then stays. */
const CERTIFICATE_SECONDS = 60;

export const sshCommand = command({
  name: "ssh",
  summary: "Enter a sandbox by SSH, with a key made and certified for this one time",
  details:
    "What follows the sandbox goes to ssh as it stands: sandlot ssh ID -L 8080:localhost:3000 or sandlot ssh ID uname -a.\n" +
    "With a key of your own (ssh-key add) any SSH client does: ssh ID@host -p port; ID.root enters as root.",
  args: [
    { name: "sandbox", help: "its id, as sandbox ls shows it; with .name after it, as that user", isRequired: true },
    { name: "arguments", help: "options of ssh, then a command", isRequired: false, isRest: true },
  ],
  flags: DATA,
  async run({ flags, rest: [who = "", ...words] }) {
    const settings = loadSettings(flags.data);
    const { host, port, hostKey } = sshPlace(settings, readHostKey(pathsOf(settings.dataDir).sshHostKey));
    const dir = mkdtempSync(join(tmpdir(), "sandlot-ssh-"));
    try {
      const key = join(dir, "key");
      makeKey(key);
      writeFileSync(`${key}-cert.pub`, await certify(flags.data, who, readFileSync(`${key}.pub`, "utf8").trim()));
      const knownHosts = join(dir, "known_hosts");
      writeFileSync(knownHosts, `[${host}]:${port} ${hostKey}\n`);
      const options = [`UserKnownHostsFile=${knownHosts}`, "GlobalKnownHostsFile=none", "StrictHostKeyChecking=yes"];
      options.push("IdentitiesOnly=yes", `IdentityFile=${key}`, `CertificateFile=${key}-cert.pub`, "LogLevel=ERROR");
      const { own, command: remote } = splitWords(words);
      const argv = [
        ...options.flatMap((option) => ["-o", option]),
        "-p",
        String(port),
        ...own,
        "-l",
        who,
        host,
        ...remote,
      ];
      return await runSsh(argv);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
});

async function certify(dataDir: string, who: string, publicKey: string): Promise<string> {
  const [sandboxId = ""] = who.split(".");
  const path = `/sandboxes/${encodeURIComponent(sandboxId)}/ssh-certificates`;
  const body = { publicKey, ttl: CERTIFICATE_SECONDS };
  const made = (await localApi(dataDir).ask({ method: "POST", path, body })).json;
  return `${(made as components["schemas"]["SshCertificate"]).certificate}\n`;
}

/** Options of ssh that take a word. */
const WITH_WORD = /^-[BbcDEeFIiJLlmOoPpQRSWw]$/;

/** Those before the first word that is none belong to ssh, the rest to the sandbox. */
export function splitWords(words: readonly string[]): { own: readonly string[]; command: readonly string[] } {
  let at = 0;
  while (at < words.length && words[at]?.startsWith("-") === true && words[at] !== "--") {
    at += WITH_WORD.test(words[at] as string) ? 2 : 1;
  }
  const rest = words.slice(at);
  return { own: words.slice(0, at), command: rest[0] === "--" ? rest.slice(1) : rest };
}

function makeKey(path: string): void {
  try {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "sandlot ssh", "-f", path], { stdio: "pipe" });
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw cliFaults.no_program({ program: "OpenSSH's client", why });
  }
}

function readHostKey(path: string): string {
  try {
    return readFileSync(`${path}.pub`, "utf8");
  } catch (thrown) {
    throw cliFaults.file_unreadable({ path: `${path}.pub`, why: thrown instanceof Error ? thrown.message : "" });
  }
}

function runSsh(argv: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn("ssh", argv, { stdio: "inherit" });
    child.on("error", (thrown) => reject(cliFaults.no_program({ program: "ssh", why: thrown.message })));
    child.on("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
