/** A guest of the fake: a memory of whole pages, the state of its programs in the first, an agent that speaks over vsock. */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { PAGE_BYTES } from "@sandlot/runtime-microvm";
import { answerFrames } from "./agent";

export type GuestState = {
  hostname: string;
  frozen: boolean;
  syncs: number;
  entropyBytes: number;
  clockMs: number;
  networkResets: number;
  identities: number;
  pidsMax: number;
};

export class FakeGuest {
  readonly memory: Buffer;
  readonly dirty = new Set<number>();
  readonly #say: (text: string) => void;
  readonly #waiting: (() => void)[] = [];
  #isRunning = false;

  constructor(of: { say: (text: string) => void; memoryMiB: number }) {
    this.#say = of.say;
    this.memory = Buffer.alloc(of.memoryMiB << 20);
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  set isRunning(isRunning: boolean) {
    this.#isRunning = isRunning;
    if (isRunning) for (const go of this.#waiting.splice(0)) go();
  }

  /** Its programs, as they are in its memory. */
  get state(): GuestState {
    return JSON.parse(this.readPage(0)) as GuestState;
  }

  change(change: Partial<GuestState>): void {
    this.writePage(0, JSON.stringify({ ...this.state, ...change }));
  }

  boot(bootArgs: string): void {
    const words = new Map(bootArgs.split(" ").map((word) => word.split("=") as [string, string]));
    const state: GuestState = {
      hostname: words.get("sandlot.hostname") ?? "",
      frozen: false,
      syncs: 0,
      entropyBytes: 0,
      clockMs: 0,
      networkResets: 0,
      identities: 0,
      pidsMax: Number(words.get("sandlot.pids") ?? 0),
    };
    this.writePage(0, JSON.stringify(state));
    // As the real init: without this word it looks for serial ports, and nobody hears it.
    if (words.get("sandlot.agent") === "vsock:1024") this.#say("sandlot ready\n");
  }

  exit(code: number, oomKills: number): void {
    this.#say(`sandlot exit ${code} ${oomKills}\n`);
    setTimeout(() => process.exit(0), 5);
  }

  writePage(page: number, text: string): void {
    this.memory.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    this.memory.write(text, page * PAGE_BYTES);
    this.dirty.add(page);
  }

  readPage(page: number): string {
    const bytes = this.memory.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    const end = bytes.indexOf(0);
    return bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
  }

  writeDisk(offset: number, text: string): void {
    const file = openSync("disk.img", "r+");
    writeSync(file, Buffer.from(text), 0, Buffer.byteLength(text), offset);
    closeSync(file);
  }

  readDisk(offset: number, length: number): string {
    const file = openSync("disk.img", "r");
    const bytes = Buffer.alloc(length);
    readSync(file, bytes, 0, length, offset);
    closeSync(file);
    return bytes.toString("utf8");
  }

  /** As Firecracker's vsock: the first line says which port, then bytes; nothing moves while the guest stands still. */
  listen(path: string): void {
    const server = createServer((socket) => this.#welcome(socket));
    server.listen(path);
  }

  #welcome(socket: Socket): void {
    socket.on("error", () => undefined);
    let isOpen = false;
    let bytes: Buffer = Buffer.alloc(0);
    socket.on("data", (more: Buffer) => {
      bytes = Buffer.concat([bytes, more]);
      this.#whenRunning(() => {
        if (!isOpen) {
          const end = bytes.indexOf("\n");
          if (end < 0) return;
          if (bytes.toString("latin1", 0, end) !== "CONNECT 1024") return void socket.destroy();
          bytes = bytes.subarray(end + 1);
          isOpen = true;
          socket.write("OK 1073741824\n");
        }
        bytes = answerFrames({ bytes, guest: this, answer: (frame) => void socket.write(frame) });
      });
    });
  }

  #whenRunning(work: () => void): void {
    if (this.#isRunning) work();
    else this.#waiting.push(work);
  }
}
