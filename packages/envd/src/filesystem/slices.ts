/** Long synchronous work under a user's identity, cut into slices so that other requests get their turn. */
import { asUser, type Identity } from "@sandlot/linux";
import { SLICE_MS } from "./limits";

/**
 * Runs the steps of `work` as the user until it ends. Between two slices the loop turns, under our own identity.
 * @throws the signal's reason between two slices
 */
export async function runInSlices<T>(user: Identity, work: Generator<void, T>, signal: AbortSignal): Promise<T> {
  try {
    for (;;) {
      const ended = asUser(user, () => oneSlice(work));
      if (ended !== undefined) return ended.value;
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    }
  } finally {
    // Runs the cleanup of work that was given up; ended work does not mind.
    work.return(undefined as T);
  }
}

function oneSlice<T>(work: Generator<void, T>): { value: T } | undefined {
  const endsAtMs = performance.now() + SLICE_MS;
  do {
    const step = work.next();
    if (step.done) return { value: step.value };
  } while (performance.now() < endsAtMs);
  return undefined;
}
