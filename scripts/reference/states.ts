/** docs/reference/states.md from the table of states in @sandlot/domain. */
import { ASKS, GUARDS, KILL_REASONS, MOVES, type Move, STATES, VERDICTS, WORKING } from "@sandlot/domain";
import { table } from "./table";

const names = Object.keys(STATES) as (keyof typeof STATES)[];

export function statesPage(): string {
  return [
    "# States of a sandbox",
    "The table in `packages/domain/src/states.ts`, which the api, the state store and their tests read. What users and time ask for",
    `is ${ASKS.map((ask) => `\`${ask}\``).join(", ")}; the other events are how such work ended. What stands behind a dash must hold for the`,
    "move to be made. How the moves are carried out is told in [lifecycle](../architecture/lifecycle.md).",
    "",
    picture(),
    "",
    "## States",
    "",
    table(
      ["state", "means", "half of the list", "counts against the limit", "somebody is at work"],
      names.map((name) => {
        const { means, listed, counts, isMoving } = STATES[name];
        return [name, means, listed, counts ? "yes" : "no", isMoving ? "yes" : "no"];
      }),
    ),
    "",
    "## What each ask is told",
    "",
    "While somebody is at work on a state that moves. `begin`: the asker does it. `join`: it is being done, the asker learns how it",
    "ends. `wait`: it is tried again when what is under way has ended. When whoever was at work has died, the same work may be begun",
    "again by anybody, and so may what the picture allows next.",
    "",
    table(
      ["state", ...ASKS],
      names.map((name) => [name, ...ASKS.map((ask) => VERDICTS[name][ask])]),
    ),
    "",
    `Work and the state it stands in: ${ASKS.map((ask) => `${ask} → ${WORKING[ask]}`).join(", ")}.`,
    "",
    "## Why a sandbox is killed",
    "",
    table(
      ["reason", "means", "an earlier pause"],
      Object.entries(KILL_REASONS).map(([reason, { means, forgetsPause }]) => [
        reason,
        means,
        forgetsPause ? "is forgotten" : "is what remains",
      ]),
    ),
    "",
    `What moves may hang on: ${Object.keys(GUARDS).join("; ")}.`,
  ].join("\n");
}

function picture(): string {
  const label = ({ event, when }: Move): string => (when === undefined ? event : `${event} - ${when}`);
  const lines = MOVES.map((move) => `  ${move.from} --> ${move.to}: ${label(move)}`);
  return ["```mermaid", "stateDiagram-v2", "  [*] --> running", ...lines, "  ended --> [*]", "```"].join("\n");
}
