/** A machine whose guest is nothing but its daemon. Its seals are small files of text. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type {
  Machine,
  MachineEnd,
  Runtime,
  Seal,
  SealedFile,
  SealRequest,
  StartMachine,
} from "@sandlot/runtime-contract";
import type { FakeEnvd } from "./envd";

export class FakeMachine implements Machine {
  readonly machineId: string;
  readonly address: string;
  readonly layers: Machine["layers"];
  readonly guestLayerDir: string;
  readonly envd: FakeEnvd;
  readonly request: StartMachine;
  /** Called as a seal begins; throw to fail it, wait to slow it down. */
  onSeal: (request: SealRequest, signal: AbortSignal) => Promise<void> = async () => undefined;
  /** Called before its processes run on. */
  onThaw: () => void | Promise<void> = () => undefined;
  readonly #end = Promise.withResolvers<MachineEnd>();
  readonly ended = this.#end.promise;
  readonly #gone: () => void;
  readonly #runtime: Runtime["name"];
  #over = false;
  constructor(
    request: StartMachine,
    envd: FakeEnvd,
    of: Pick<Machine, "guestLayerDir"> & Pick<Runtime, "name">,
    gone: () => void,
  ) {
    this.machineId = request.machineId;
    this.address = request.slot.address;
    this.layers = request.build.layers;
    this.guestLayerDir = request.guestLayerDir ?? of.guestLayerDir;
    this.#runtime = of.name;
    this.request = request;
    this.envd = envd;
    this.#gone = gone;
  }
  get frozen(): boolean {
    return this.envd.frozen !== undefined;
  }
  async freeze(): Promise<void> {
    this.envd.frozen ??= Promise.withResolvers();
  }
  async thaw(): Promise<void> {
    if (this.#over) throw new Error("it has ended");
    if (this.frozen) await this.onThaw();
    this.envd.frozen?.resolve();
    this.envd.frozen = undefined;
  }
  async seal(request: SealRequest, signal: AbortSignal): Promise<Seal> {
    if (!this.frozen) throw new Error("it must be frozen");
    await this.onSeal(request, signal);
    signal.throwIfAborted();
    const write = (name: string, text: string): SealedFile => {
      writeFileSync(join(request.directory, name), text);
      const sha256 = new Bun.CryptoHasher("sha256").update(text).digest("hex");
      return { name: name.replace("memory/", ""), sizeBytes: text.length, sha256 };
    };
    await request.onWritten?.();
    const kind = this.#runtime === "container" ? "erofs" : "qcow2";
    const layer = { kind, ...write(`disk.${kind}`, crypto.randomUUID()) } as const;
    if (!request.memory) return { layer };
    mkdirSync(join(request.directory, "memory"));
    const { token, envs } = this.envd;
    const file = write("memory/pages.json", JSON.stringify({ token, envs }));
    return { layer, memory: { runtime: this.#runtime, format: "fake-1", files: [file] } };
  }
  async stats() {
    return {
      cpuUsedMicros: 0,
      memoryUsedBytes: 1_000_000,
      memoryCacheBytes: 0,
      memoryLimitBytes: 0,
      diskUsedBytes: 0,
      diskLimitBytes: 0,
      pids: 1,
    };
  }
  output = "";
  async readOutput(of: { fromByte: number; maxBytes: number }) {
    const all = new TextEncoder().encode(this.output);
    return { bytes: all.subarray(of.fromByte, of.fromByte + of.maxBytes), sizeBytes: all.length };
  }
  async kill(): Promise<void> {
    await this.end();
  }
  async end(): Promise<void> {
    await this.die({ exitCode: 137, outOfMemory: false });
  }
  async die(end: MachineEnd): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    await this.envd.stop();
    this.#gone();
    this.#end.resolve(end);
  }
}
