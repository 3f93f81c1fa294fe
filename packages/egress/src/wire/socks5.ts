/** The client's half of SOCKS5: greeting, login, CONNECT. RFC 1928, RFC 1929. */
import { systemClock } from "@sandlot/lifetime";
import { limits } from "../limits";
import type { Wire } from "./wire";

export type SocksTarget = { readonly host: string; readonly port: number };
export type SocksLogin = { readonly username: string; readonly password: string };
export type SocksFailure = "socks_refused" | "socks_login_refused" | "socks_broken" | "timed_out";

const VERSION = 5;
const NO_LOGIN = 0;
const LOGIN = 2;
const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;

/** @returns "open" when `wire` leads to the target; its first bytes, if any came along, are handed to `onEarly` */
export async function openTunnel(
  wire: Wire,
  of: { target: SocksTarget; login: SocksLogin | undefined; onEarly: (bytes: Buffer) => void },
): Promise<"open" | SocksFailure> {
  const inbox = new Inbox(wire);
  using _ = systemClock.after(limits.socksMs, () => inbox.fail());
  try {
    const offered = of.login === undefined ? [NO_LOGIN] : [NO_LOGIN, LOGIN];
    wire.write(Buffer.from([VERSION, offered.length, ...offered]));
    const [version, method] = await inbox.take(2);
    if (version !== VERSION) return "socks_broken";
    if (method === LOGIN && of.login !== undefined) {
      wire.write(writeLogin(of.login));
      if ((await inbox.take(2))[1] !== 0) return "socks_login_refused";
    } else if (method !== NO_LOGIN) return "socks_login_refused";
    wire.write(writeConnect(of.target));
    const [answerVersion, code, , kind] = await inbox.take(4);
    if (answerVersion !== VERSION) return "socks_broken";
    if (code !== 0) return "socks_refused";
    const addressBytes = kind === IPV4 ? 4 : kind === NAME ? (await inbox.take(1))[0] : 16;
    await inbox.take((addressBytes ?? 0) + 2);
    const early = inbox.rest();
    if (early.length > 0) of.onEarly(early);
    return "open";
  } catch {
    return inbox.isLate ? "timed_out" : "socks_broken";
  }
}

function writeLogin({ username, password }: SocksLogin): Buffer {
  const [name, word] = [username, password].map((text) => Buffer.from(text));
  if (name === undefined || word === undefined) throw new Error("unreachable");
  return Buffer.concat([Buffer.from([1, name.length]), name, Buffer.from([word.length]), word]);
}

function writeConnect({ host, port }: SocksTarget): Buffer {
  const isAddress = /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host);
  const name = isAddress ? Buffer.from(host.split(".").map(Number)) : Buffer.from(host);
  const kind = isAddress ? [IPV4] : [NAME, name.length];
  return Buffer.concat([Buffer.from([VERSION, CONNECT, 0, ...kind]), name, Buffer.from([port >> 8, port & 255])]);
}

/** Bytes of a wire, taken in pieces of a known size. */
class Inbox {
  isLate = false;
  #got = Buffer.alloc(0);
  #waiting: PromiseWithResolvers<void> | undefined;
  #isBroken = false;

  constructor(wire: Wire) {
    const wake = (): void => this.#waiting?.resolve();
    const broken = (): void => {
      this.#isBroken = true;
      wake();
    };
    wire.events = {
      data: (bytes) => {
        this.#got = Buffer.concat([this.#got, bytes]);
        wake();
      },
      drained: () => undefined,
      ended: broken,
      closed: broken,
    };
    wire.resume();
  }

  async take(count: number): Promise<Buffer> {
    while (this.#got.length < count) {
      if (this.#isBroken) throw new Error("the proxy has gone");
      this.#waiting = Promise.withResolvers();
      await this.#waiting.promise;
    }
    const taken = this.#got.subarray(0, count);
    this.#got = this.#got.subarray(count);
    return taken;
  }

  rest(): Buffer {
    return this.#got;
  }

  fail(): void {
    this.isLate = true;
    this.#isBroken = true;
    this.#waiting?.resolve();
  }
}
