import type { Clock } from "@sandlot/lifetime";
import { NftSets, type SetContent } from "@sandlot/linux";
import { limits } from "../limits";
import type { Slot } from "../slot";

/** Changes slots' sets. A socket stays open for a while after a change: closing it at once waits for the kernel to tidy up. */
export class SlotSets implements Disposable {
  readonly #clock: Clock;
  readonly #open = new Map<number, { readonly sets: NftSets; timer: Disposable }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** As `NftSets.put`. @throws SyscallError */
  put({ index, netnsPath }: Slot, contents: readonly SetContent[], isFresh: boolean): void {
    const sets = this.#open.get(index)?.sets ?? new NftSets({ netnsPath, table: "sandlot" });
    this.#open.get(index)?.timer[Symbol.dispose]();
    const timer = this.#clock.after(limits.setsOpenMs, () => this.close(index));
    this.#open.set(index, { sets, timer });
    try {
      sets.put(contents, isFresh);
    } catch (thrown) {
      this.close(index);
      throw thrown;
    }
  }

  /** Lets go of the slot's namespace, which would outlive its name otherwise. */
  close(index: number): void {
    const open = this.#open.get(index);
    if (open === undefined) return;
    this.#open.delete(index);
    open.timer[Symbol.dispose]();
    open.sets[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    for (const index of [...this.#open.keys()]) this.close(index);
  }
}
