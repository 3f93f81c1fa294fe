/** What `/secrets` takes (behaviour §1.10). */
import { defineFaults } from "@sandlot/faults";

const LIMITS = {
  nameChars: 128,
  valueBytes: 64 * 1024,
  entries: 32,
  keyBytes: 128,
  entryBytes: 1024,
  totalBytes: 8192,
};
/** Of one team; beyond it 429. */
export const MAX_SECRETS = 1_000;

export const secretFaults = defineFaults("secret", {
  bad_name: {
    kind: "invalid",
    say: () => "A secret's name must be 1 to 128 characters of a-z, A-Z, 0-9, _ and -, and must not begin with sec_",
  },
  bad_value: { kind: "invalid", say: (f: { why: string }) => `A secret's value ${f.why}` },
  bad_metadata: { kind: "invalid", say: (f: { why: string }) => `A secret's metadata ${f.why}` },
  missing: { kind: "missing", say: () => "Secret not found" },
  taken: { kind: "exists", say: () => "A secret with this name already exists" },
  too_many: { kind: "limited", say: () => `A team has at most ${MAX_SECRETS} secrets` },
  /** Wire text of behaviour.md §1.10. */
  not_available: { kind: "forbidden", say: () => "Secrets are not available for this team" },
});

/** Lower case: that is how names are kept. @throws Fault `secret_bad_name` */
export function parseSecretName(text: string): string {
  const name = text.toLowerCase();
  if (!/^[a-z0-9_-]{1,128}$/.test(name) || name.startsWith("sec_")) throw secretFaults.bad_name({});
  return name;
}

/** One line of what a header may hold, since that is where it goes. @throws Fault `secret_bad_value` */
export function checkSecretValue(value: string): void {
  const bytes = Buffer.byteLength(value);
  if (bytes === 0) throw secretFaults.bad_value({ why: "must not be empty" });
  if (bytes > LIMITS.valueBytes) throw secretFaults.bad_value({ why: `is longer than ${LIMITS.valueBytes} bytes` });
}

/** @throws Fault `secret_bad_metadata` */
export function checkSecretMetadata(metadata: Readonly<Record<string, string>>): void {
  const bad = (why: string) => secretFaults.bad_metadata({ why });
  const entries = Object.entries(metadata);
  if (entries.length > LIMITS.entries) throw bad(`has more than ${LIMITS.entries} entries`);
  let total = 0;
  for (const [key, value] of entries) {
    const [keyBytes, valueBytes] = [Buffer.byteLength(key), Buffer.byteLength(value)];
    if (keyBytes === 0 || keyBytes > LIMITS.keyBytes)
      throw bad(`has a key that is empty or over ${LIMITS.keyBytes} bytes`);
    if (valueBytes > LIMITS.entryBytes) throw bad(`has a value over ${LIMITS.entryBytes} bytes`);
    total += keyBytes + valueBytes;
  }
  if (total > LIMITS.totalBytes) throw bad(`is over ${LIMITS.totalBytes} bytes in total`);
}
