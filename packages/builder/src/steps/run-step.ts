/** One step of a recipe: which kind it is decides here, doing it is each kind's own. */
import { builderFaults } from "../faults";
import type { RecipeStep } from "../recipe";
import { type CopyParts, copyStep } from "./step-copy";
import { envStep } from "./step-env";
import type { StepDone } from "./step-parts";
import { runStep } from "./step-run";
import { userStep } from "./step-user";
import { workdirStep } from "./step-workdir";

/** @throws Fault `build_*` whose message is for the user */
export function doStep(parts: CopyParts, step: RecipeStep): Promise<StepDone> {
  const type = step.type.toUpperCase();
  switch (type) {
    case "RUN":
      return runStep(parts, step.args);
    case "COPY":
    case "ADD":
      return copyStep(parts, { args: step.args, filesHash: step.filesHash, type });
    case "USER":
      return userStep(parts, step.args);
    case "WORKDIR":
      return workdirStep(parts, step.args);
    case "ENV":
    case "ARG":
      return envStep(parts, step.args, type);
    default:
      throw builderFaults.step_unknown({ type: step.type.slice(0, 80) });
  }
}

/** As it stands in the log. */
export function sayStep({ type, args }: RecipeStep): string {
  return [type.toUpperCase(), ...args.filter((arg) => arg !== "")].join(" ").slice(0, 2_000);
}
