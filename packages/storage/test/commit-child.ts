/** Commits one build and kills itself after the step it is told; run by crash.int.test.ts. Answers on its standard output. */
import { openArtifactStore } from "../src/artifacts/open-artifact-store";
import { commitDraft, type Draft } from "./fixtures";

const [directory = "", step = "", draft = ""] = process.argv.slice(2);
await using store = await openArtifactStore({
  directory,
  onCommitStep: (reached) => {
    if (reached === step) process.kill(process.pid, "SIGKILL");
  },
});
await commitDraft(store, JSON.parse(draft) as Draft);
process.stdout.write("committed\n");
process.kill(process.pid, "SIGKILL");
