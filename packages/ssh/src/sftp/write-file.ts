import type { ClientRequest, IncomingMessage } from "node:http";
import { fileRequest, type Guest } from "../guest";
import { limits } from "../limits";
import { readBody } from "./read-file";
import { ofHttp, ofMessage, SftpError } from "./status";

/** Where the bytes of a file go, in order. */
type Sink = {
  write(bytes: Buffer): Promise<void>;
  /** @throws SftpError when they did not get there */
  end(): Promise<void>;
};

const FAILURE = 4;

/**
 * Writes a file as its pieces come: from its start by one upload, which replaces it; anywhere else by dd in the sandbox. SFTP
 * clients send pieces in order, or nearly so.
 */
export class FileWriter {
  readonly #guest: Guest;
  readonly #path: string;
  /** The file is new or emptied, so that an upload may replace it. */
  readonly #isReplaced: boolean;
  readonly #isAppending: boolean;
  readonly #held = new Map<number, Buffer>();
  #heldBytes = 0;
  #sink: Sink | undefined;
  #hasUploaded = false;
  #at = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(guest: Guest, of: { path: string; isReplaced: boolean; isAppending: boolean }) {
    this.#guest = guest;
    this.#path = of.path;
    this.#isReplaced = of.isReplaced;
    this.#isAppending = of.isAppending;
  }

  /** @throws SftpError */
  write(offset: number, bytes: Buffer): Promise<void> {
    this.#last = this.#last.then(() => this.#take(offset, bytes));
    return this.#last;
  }

  async #take(offset: number, bytes: Buffer): Promise<void> {
    if (this.#isAppending || this.#sink === undefined || offset === this.#at) {
      await this.#put(this.#isAppending ? this.#at : offset, bytes);
    } else if (offset > this.#at && this.#heldBytes + bytes.length <= limits.heldBytes) {
      this.#held.set(offset, bytes);
      this.#heldBytes += bytes.length;
      return;
    } else await this.#jump(offset, bytes);
    for (let next = this.#held.get(this.#at); next !== undefined; next = this.#held.get(this.#at)) {
      this.#held.delete(this.#at);
      this.#heldBytes -= next.length;
      await this.#put(this.#at, next);
    }
  }

  async #put(offset: number, bytes: Buffer): Promise<void> {
    if (this.#sink === undefined) {
      this.#sink = await this.#open(offset);
      this.#at = offset;
    }
    await this.#sink.write(bytes);
    this.#at += bytes.length;
  }

  /** To another place of the file: what was begun is finished first. */
  async #jump(offset: number, bytes: Buffer): Promise<void> {
    const sink = this.#sink;
    this.#sink = undefined;
    await sink?.end();
    await this.#put(offset, bytes);
  }

  async #open(offset: number): Promise<Sink> {
    if (this.#isReplaced && !this.#hasUploaded && (offset === 0 || this.#isAppending)) {
      this.#hasUploaded = true;
      return openUpload(this.#guest, this.#path);
    }
    const place = this.#isAppending ? ["oflag=append"] : ["oflag=seek_bytes", `seek=${offset}`];
    return openDd(this.#guest, ["dd", `of=${this.#path}`, "bs=64k", "conv=notrunc", ...place]);
  }

  /** Waits until what came so far is in the file. @throws SftpError when it is not */
  async settle(): Promise<void> {
    await this.#last;
    for (const [offset, bytes] of [...this.#held].sort(([a], [b]) => a - b)) await this.#jump(offset, bytes);
    if (this.#sink === undefined && this.#isReplaced && !this.#hasUploaded) {
      this.#hasUploaded = true;
      this.#sink = openUpload(this.#guest, this.#path);
    }
    const sink = this.#sink;
    this.#sink = undefined;
    await sink?.end();
  }

  /** @throws SftpError when something of it is not in the file */
  close(): Promise<void> {
    return this.settle();
  }
}

function openUpload(guest: Guest, path: string): Sink {
  const headers = { "Content-Type": "application/octet-stream" };
  const { request, answer } = fileRequest(guest, { method: "POST", path, headers });
  request.flushHeaders();
  return {
    async write(bytes) {
      const early = await writeTo(request, answer, bytes);
      if (early !== undefined) throw await failureOf(early);
    },
    async end() {
      request.end();
      const response = await answer;
      if (response.statusCode !== 200) throw await failureOf(response);
      response.resume();
    },
  };
}

/** @returns the answer when it is there before the body has ended, which means that it was refused */
async function writeTo(
  request: ClientRequest,
  answer: Promise<IncomingMessage>,
  bytes: Buffer,
): Promise<IncomingMessage | undefined> {
  if (request.write(bytes)) return undefined;
  const room = new Promise<undefined>((resolve) => request.once("drain", () => resolve(undefined)));
  return Promise.race([room, answer]);
}

async function failureOf(response: IncomingMessage): Promise<SftpError> {
  return ofHttp(response.statusCode ?? 0, (await readBody(response, limits.messageBytes)).toString("utf8"));
}

async function openDd(guest: Guest, argv: readonly [string, ...string[]]): Promise<Sink> {
  const [cmd, ...args] = argv;
  const pid = Promise.withResolvers<number>();
  let message = "";
  const ended = (async (): Promise<number> => {
    for await (const { event } of guest.processes.start({ process: { cmd, args }, stdin: true }, { timeoutMs: 0 })) {
      const what = event?.event;
      if (what?.case === "start") pid.resolve(what.value.pid);
      if (what?.case === "data" && what.value.output.case === "stderr") {
        message = (message + Buffer.from(what.value.output.value).toString("utf8")).slice(-limits.messageBytes);
      }
      if (what?.case === "end") return what.value.exited ? what.value.exitCode : -1;
    }
    return -1;
  })();
  ended.catch((thrown: unknown) => pid.reject(thrown));
  const process = { selector: { case: "pid", value: await pid.promise } } as const;
  return {
    async write(bytes) {
      await guest.processes
        .sendInput({ process, input: { input: { case: "stdin", value: bytes } } })
        .catch(async (thrown: unknown) => {
          throw (await ended) === 0 ? new SftpError(FAILURE, String(thrown)) : ofMessage(message);
        });
    },
    async end() {
      await guest.processes.closeStdin({ process }).catch(() => undefined); // it has ended; its exit code tells
      if ((await ended) !== 0) throw ofMessage(message);
    },
  };
}
