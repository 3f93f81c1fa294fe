/** What every part of the suite works with: one runtime over one harness, machines on demand. */
import {
  type LayerRef,
  layersBelow,
  type Machine,
  type MachineLimits,
  type MachineSlot,
  type RestoreFrom,
  type Runtime,
  type Seal,
  type SealedBuild,
  type StartMachine,
} from "../index";

export type Answer = { readonly exitCode: number; readonly output: string };

export type Place = AsyncDisposable & { readonly path: string };

export type ConformanceHarness = {
  /** A runtime over one and the same node directory; a second call plays the node after a restart. */
  open(): Promise<Runtime>;
  readonly layers: readonly LayerRef[];
  /** A place to plug one machine in; dispose of it after the machine has ended. */
  lease(): Promise<MachineSlot & AsyncDisposable>;
  /** Runs a shell script in the machine as its root, by the stand-in. Waits up to 5 s for it to listen. */
  run(slot: MachineSlot, script: string): Promise<Answer>;
  /** An empty directory on the disk of the artifacts; with a bound, on a disk that is full after so many bytes. */
  place(of?: { roomBytes: number }): Promise<Place>;
  /** Kills what holds the machine from the host's side, as an accident would; absent when there is no such process. */
  orphan?(machine: Machine): Promise<void>;
  /** What machines have left on the host: processes, mounts, cgroups, devices, links, files; one line each. */
  residue(): Promise<string[]>;
  /** All of it, once the last runtime has been disposed of. */
  close(): Promise<string[]>;
};

export const LIMITS: MachineLimits = { cpuCount: 1, memoryMiB: 96, diskMiB: 64, pidsMax: 64 };
/** The stand-in's own path inside, and what it can do there. */
export const STAND_IN = "/usr/lib/sandlot/envd";
export const TRY = `${STAND_IN} try`;
export const TEST_MS = 120_000;

export type Running = AsyncDisposable & {
  readonly machine: Machine;
  readonly slot: MachineSlot;
  run(script: string): Promise<Answer>;
};

/** What of the suite fits a runtime. */
export type Traits = {
  /** Whether this host can seal memory; without, those cases count as skipped. */
  readonly memory: boolean;
  /** Whether disks can be sealed; yes when absent. */
  readonly disk?: boolean;
  /** Machines have a kernel of their own: their root is that kernel's real root, and nothing of the host's is near. */
  readonly ownKernel?: boolean;
  /** A start takes seconds: cases that do not care get a machine brought up from one seal. */
  readonly slow?: boolean;
  /** A part of the suite, where the whole takes too long for one file of tests. */
  readonly only?: "machines" | "seals" | "limits";
  /** A fifth of the rounds where a case repeats itself. */
  readonly fewRounds?: boolean;
};

/** A seal and what it can be brought up from. */
export type Sealed = {
  readonly seal: Seal;
  readonly directory: string;
  readonly build: SealedBuild;
  restore(identity: RestoreFrom["identity"]): RestoreFrom;
};

type Wanted = Partial<MachineLimits>;
type Changes = Partial<Omit<StartMachine, "limits">>;

/** Cases are told of it before it is open: harness and runtime are there when the first of them runs. */
export class Suite {
  #open: { harness: ConformanceHarness; runtime: Runtime } | undefined;
  #count = 0;
  #ready: (Sealed & AsyncDisposable) | undefined;
  readonly traits: Traits;

  constructor(traits: Traits) {
    this.traits = traits;
  }

  /** How often a case repeats itself. */
  rounds(all: number): number {
    return this.traits.fewRounds === true ? Math.ceil(all / 5) : all;
  }

  /** One of five where a case tries many moments. */
  some<T>(all: readonly T[]): readonly T[] {
    return this.traits.fewRounds === true ? all.filter((_, at) => at % 5 === 2) : all;
  }

  get harness(): ConformanceHarness {
    return this.#opened.harness;
  }

  get runtime(): Runtime {
    return this.#opened.runtime;
  }

  get #opened(): { harness: ConformanceHarness; runtime: Runtime } {
    if (this.#open === undefined) throw new Error("the suite is not open yet");
    return this.#open;
  }

  async open(harness: ConformanceHarness): Promise<void> {
    this.#open = { harness, runtime: await harness.open() };
    if (this.traits.slow === true && this.traits.memory) this.#ready = await this.#prepare();
  }

  /** Boots one machine and seals it; the others begin there. */
  async #prepare(): Promise<Sealed & AsyncDisposable> {
    await using held = new AsyncDisposableStack();
    const place = held.use(await this.harness.place());
    await using running = await this.boot();
    await running.run("true");
    const sealed = await this.seal(running, place);
    const kept = held.move();
    return { ...sealed, [Symbol.asyncDispose]: () => kept.disposeAsync() };
  }

  /** @returns what is left of everything */
  async close(): Promise<string[]> {
    await this.runtime.sweep(new Set());
    await this.runtime[Symbol.asyncDispose]();
    await this.#ready?.[Symbol.asyncDispose]();
    return this.harness.close();
  }

  request(slot: MachineSlot, limits: Wanted = {}): StartMachine {
    this.#count += 1;
    const build: SealedBuild = { buildId: "conformance", layers: this.harness.layers };
    const machineId = `m${this.#count}`;
    return { machineId, build, limits: { ...LIMITS, ...limits }, slot, hostname: `box${this.#count}` };
  }

  /** A machine with the base alone: booted, or brought up from a seal of a booted one where that takes long. */
  start(limits: Wanted = {}): Promise<Running> {
    const isLikeAny = Object.keys(limits).length === 0;
    return this.#ready !== undefined && isLikeAny ? this.resume(this.#ready, "new") : this.boot(limits);
  }

  /** As `start` would, for the caller to start. */
  anyRequest(slot: MachineSlot): StartMachine {
    const request = this.request(slot);
    const ready = this.#ready;
    return ready === undefined ? request : { ...request, build: ready.build, restore: ready.restore("new") };
  }

  async boot(limits: Wanted = {}, changes: Changes = {}): Promise<Running> {
    const slot = await this.harness.lease();
    try {
      const request = { ...this.request(slot, limits), ...changes };
      const machine = await this.runtime.start(request, AbortSignal.timeout(TEST_MS));
      return this.#running(machine, slot);
    } catch (thrown) {
      await slot[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  #running(machine: Machine, slot: MachineSlot & AsyncDisposable): Running {
    return {
      machine,
      slot,
      run: (script) => this.harness.run(slot, script),
      async [Symbol.asyncDispose]() {
        await machine.end();
        await slot[Symbol.asyncDispose]();
      },
    };
  }

  /** Freezes the machine, seals it into `place`, and leaves it frozen. */
  async seal(running: Running, place: Place, memory = true): Promise<Sealed> {
    const { machine } = running;
    await machine.freeze();
    const seal = await machine.seal({ directory: place.path, memory }, AbortSignal.timeout(TEST_MS));
    const layer: LayerRef = { kind: seal.layer.kind, path: `${place.path}/${seal.layer.name}` };
    const build = { buildId: "sealed", layers: [layer, ...layersBelow(seal.layer, machine.layers)] };
    return sealedAt(place.path, { seal, build });
  }

  /** Brings a seal up as another machine. */
  resume(sealed: Sealed, identity: RestoreFrom["identity"], limits: Wanted = {}): Promise<Running> {
    return this.boot(limits, { build: sealed.build, restore: sealed.restore(identity) });
  }
}

/** A seal whose files lie in a directory. */
export function sealedAt(directory: string, { seal, build }: Pick<Sealed, "seal" | "build">): Sealed {
  return {
    seal,
    directory,
    build,
    restore: (identity) => {
      if (seal.memory === undefined) throw new Error("sealed without memory");
      return { directory: `${directory}/memory`, memory: seal.memory, identity };
    },
  };
}

export async function said(running: Running, script: string): Promise<string> {
  const { output } = await running.run(script);
  return output.trim();
}

/** Starts the program that holds one of everything. */
export async function keepEverything(running: Running): Promise<void> {
  await running.run(`${STAND_IN} keep > /tmp/keep.log 2>&1 &`);
  const wrong = await whatIsWrong(running);
  if (wrong.length > 0) throw new Error(`before any seal: ${wrong.join(", ")}`);
}

/** What that program finds changed, nothing when all goes on as before. */
export async function whatIsWrong(running: Running): Promise<string[]> {
  const text = await said(running, `${STAND_IN} ask`);
  return text.split("\n").filter((line) => !line.endsWith(" ok"));
}
