/** `iam`: workload tokens that a sandbox may have put into its requests (behaviour §1.6). */
import { defineFaults } from "@sandlot/faults";

const LIMITS = { tokens: 5, nameChars: 128, audienceChars: 1024 };

export const iamFaults = defineFaults("iam", {
  too_many: { kind: "invalid", say: () => `iam.tokens takes at most ${LIMITS.tokens} tokens` },
  /** Wire text of behaviour.md §1.6. */
  not_available: { kind: "invalid", say: () => "Sandbox IAM workload tokens are not available for your team." },
  bad_token: { kind: "invalid", say: (f: { name: string; why: string }) => `iam.tokens: '${f.name}' ${f.why}` },
});

export type IamTokens = Readonly<Record<string, { readonly audience: string; readonly tokenType: string }>>;

/** @throws Fault of `iamFaults` */
export function checkIam(tokens: IamTokens): IamTokens {
  const entries = Object.entries(tokens);
  if (entries.length > LIMITS.tokens) throw iamFaults.too_many({});
  for (const [name, { audience, tokenType }] of entries) {
    const bad = (why: string) => iamFaults.bad_token({ name: name.slice(0, 128), why });
    if (!/^[^{}\p{Cc}]+$/u.test(name) || name.length > LIMITS.nameChars) throw bad("is not a token name");
    if (tokenType !== "JWT-SVID") throw bad("must be of tokenType JWT-SVID");
    if (audience === "" || audience.length > LIMITS.audienceChars) throw bad("needs an audience");
  }
  return tokens;
}
