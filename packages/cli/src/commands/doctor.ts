import { type Diagnosis, diagnose, type FindingState } from "@sandlot/stack";
import { command } from "../command";
import { DATA, JSON_OUT } from "../flags";

const MARKS: { readonly [K in FindingState]: string } = { good: "ok", note: "note", problem: "BAD" };

export const doctorCommand = command({
  name: "doctor",
  summary: "Explain what this host has of what sandboxes need, and the cure for the rest",
  details: "Changes nothing. Exit code 1 when something needed is missing.",
  flags: { ...DATA, ...JSON_OUT },
  async run({ flags, io, env }) {
    const diagnosis = await diagnose({ dataDir: flags.data, env });
    io.out(flags.json ? JSON.stringify(diagnosis) : text(diagnosis));
    return diagnosis.isFit ? 0 : 1;
  },
});

function text({ isFit, areas }: Diagnosis): string {
  const lines = areas.flatMap(({ area, findings }) => [
    `${area}`,
    ...findings.flatMap(({ topic, state, says, cure }) => [
      `  ${MARKS[state].padEnd(5)}${topic.padEnd(17)}${says}`,
      ...(cure === undefined ? [] : [`${" ".repeat(24)}→ ${cure}`]),
    ]),
  ]);
  return [...lines, "", isFit ? "everything needed is there" : "something needed is missing"].join("\n");
}
