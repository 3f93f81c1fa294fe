/** Who runs the guest's instructions: the processor where that works, else QEMU. Shown by booting, kept until the host boots. */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import type { Acceleration } from "./journal";

export type Accelerator = {
  readonly acceleration: Acceleration;
  /** Why it is not KVM. */
  readonly problem?: string;
};

type Note = Accelerator & { readonly hostBootId: string; readonly qemuVersion: string; readonly kernel: string };

export type TrialOf = (acceleration: Acceleration) => Promise<void>;

export class AcceleratorChoice {
  readonly #notePath: string;
  readonly #devicePath: string;
  readonly #wanted: "auto" | Acceleration;
  readonly #about: Omit<Note, keyof Accelerator>;
  readonly #trial: TrialOf;
  #chosen: Promise<Accelerator> | undefined;

  /** @param of.trial boots a machine to its init and ends it; rejects when that does not work in time */
  constructor(of: {
    notePath: string;
    devicePath?: string;
    wanted: "auto" | Acceleration;
    about: Omit<Note, keyof Accelerator>;
    trial: TrialOf;
  }) {
    this.#notePath = of.notePath;
    this.#devicePath = of.devicePath ?? "/dev/kvm";
    this.#wanted = of.wanted;
    this.#about = of.about;
    this.#trial = of.trial;
  }

  /** The first call may take some seconds. */
  chosen(): Promise<Accelerator> {
    this.#chosen ??= this.#choose();
    return this.#chosen;
  }

  async #choose(): Promise<Accelerator> {
    if (this.#wanted !== "auto") return { acceleration: this.#wanted };
    const note = await this.#readNote();
    if (note !== undefined) return note;
    const found = await this.#find();
    await writeFile(this.#notePath, JSON.stringify({ ...this.#about, ...found })).catch(() => undefined);
    return found;
  }

  async #find(): Promise<Accelerator> {
    if (!existsSync(this.#devicePath))
      return { acceleration: "tcg", problem: "/dev/kvm is missing: this host has no KVM, or hides it" };
    try {
      await this.#trial("kvm");
      return { acceleration: "kvm" };
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      return { acceleration: "tcg", problem: `/dev/kvm is there, and a trial machine failed on it: ${why}` };
    }
  }

  async #readNote(): Promise<Accelerator | undefined> {
    try {
      const note = JSON.parse(await readFile(this.#notePath, "utf8")) as Partial<Note>;
      const isOurs = Object.entries(this.#about).every(([key, value]) => note[key as keyof Note] === value);
      if (!isOurs || (note.acceleration !== "kvm" && note.acceleration !== "tcg")) return undefined;
      return { acceleration: note.acceleration, ...(note.problem === undefined ? {} : { problem: note.problem }) };
    } catch {
      return undefined;
    }
  }
}
