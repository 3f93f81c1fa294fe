/** DNS messages as far as a forwarder must understand them. Pure. RFC 1035, 6891. */
import { decode, encode } from "dns-packet";
import { limits } from "../limits";

export const RCODE = { formErr: 1, servFail: 2, nxDomain: 3, notImp: 4, refused: 5 } as const;

/** NULL, IXFR, AXFR, MAILB, MAILA and ANY: transfers, amplifiers and tunnels' favourites. */
const REFUSED_TYPES = new Set([10, 251, 252, 253, 254, 255]);
const TYPE_OPT = 41;
const HEADER_BYTES = 12;

export type Query = {
  readonly bytes: Buffer;
  readonly id: number;
  /** The question as it stands in the message: name, type, class. */
  readonly question: Buffer;
  /** Equal for queries that have the same answer. */
  readonly key: string;
  readonly isCheckingDisabled: boolean;
  /** What the client takes by UDP, in bytes; undefined without EDNS (512 then). */
  readonly udpBytes: number | undefined;
  readonly wantsDnssec: boolean;
};

export type Reading =
  | { readonly query: Query }
  | { readonly answer: Buffer } // refused, with the words to say it
  | "drop"; // not even a header, or an answer: saying anything back could start a loop

/** Reads and judges a guest's message. */
export function readQuery(bytes: Buffer): Reading {
  if (bytes.length < HEADER_BYTES || bytes.length > limits.dns.queryBytes) return "drop";
  const flags = bytes.readUInt16BE(2);
  if ((flags & 0x8000) !== 0) return "drop";
  if ((flags & 0x7800) !== 0) return { answer: answerError(bytes, RCODE.notImp) };
  const [questions, answers, authorities] = [4, 6, 8].map((at) => bytes.readUInt16BE(at));
  const end = questionEnd(bytes);
  if (questions !== 1 || answers !== 0 || authorities !== 0 || end === undefined)
    return { answer: answerError(bytes, RCODE.formErr) };
  const question = bytes.subarray(HEADER_BYTES, end);
  const type = question.readUInt16BE(question.length - 4);
  if (REFUSED_TYPES.has(type) || question.readUInt16BE(question.length - 2) !== 1)
    return { answer: answerError(bytes, RCODE.refused, question) };
  const opt = readOpt(bytes);
  if (opt === "bad") return { answer: answerError(bytes, RCODE.formErr, question) };
  const isCheckingDisabled = (flags & 0x10) !== 0;
  const wantsDnssec = opt?.wantsDnssec ?? false;
  const key = `${question.toString("latin1").toLowerCase()}|${isCheckingDisabled}|${wantsDnssec}|${opt !== undefined}`;
  const udpBytes = opt === undefined ? undefined : Math.min(Math.max(opt.udpBytes, 512), 4096);
  return { query: { bytes, id: bytes.readUInt16BE(0), question, key, isCheckingDisabled, udpBytes, wantsDnssec } };
}

/** The name asked for: lower case, labels joined by dots, without the root's. */
export function nameOf({ question }: Pick<Query, "question">): string {
  const labels: string[] = [];
  for (let at = 0, length = question[0] ?? 0; length > 0; length = question[at] ?? 0) {
    // A dot inside a label must not look like one between two.
    labels.push(question.toString("latin1", at + 1, at + 1 + length).replaceAll(".", "\\."));
    at += length + 1;
  }
  return labels.join(".").toLowerCase();
}

/** A question of our own, as a guest might have asked it. */
export function askFor(name: string): Buffer {
  return encode({ type: "query", id: 0, flags: 0x100, questions: [{ type: "A", name }] });
}

/** The addresses of an answer; empty when the name has none, undefined when the server could not say. */
export function addressesOf(answer: Buffer): string[] | undefined {
  const rcode = rcodeOf(answer);
  if (rcode === RCODE.nxDomain) return [];
  if (rcode !== 0) return undefined;
  const { answers = [] } = decode(answer);
  return answers.flatMap((record) => (record.type === "A" ? [record.data] : []));
}

/** A fresh message for an upstream: the question and nothing else a guest may have put beside it. */
export function buildUpstreamQuery(query: Query, id: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(0x0100 | (query.isCheckingDisabled ? 0x10 : 0), 2);
  header.writeUInt16BE(1, 4);
  if (query.udpBytes === undefined) return Buffer.concat([header, query.question]);
  header.writeUInt16BE(1, 10);
  // 1232 bytes pass every link unfragmented.
  const opt = Buffer.from([0, 0, TYPE_OPT, 1232 >> 8, 1232 & 255, 0, 0, query.wantsDnssec ? 0x80 : 0, 0, 0, 0]);
  return Buffer.concat([header, query.question, opt]);
}

/** Whether this is the answer to that very query: id, direction and question must agree. */
export function isAnswerTo(answer: Buffer, query: Query, id: number): boolean {
  if (answer.length < HEADER_BYTES || answer.readUInt16BE(0) !== id || (answer.readUInt16BE(2) & 0x8000) === 0)
    return false;
  const end = questionEnd(answer);
  if (answer.readUInt16BE(4) !== 1 || end === undefined) return false;
  const fold = (bytes: Buffer): string => bytes.toString("latin1").toLowerCase();
  return fold(answer.subarray(HEADER_BYTES, end)) === fold(query.question);
}

export function isTruncated(answer: Buffer): boolean {
  return (answer.readUInt16BE(2) & 0x0200) !== 0;
}

export function rcodeOf(answer: Buffer): number {
  return answer.readUInt16BE(2) & 0x0f;
}

/** The answer as this client must see it: its id, its spelling of the name, and no longer than it can take. */
export function fitAnswer(answer: Buffer, query: Query, maxBytes: number): Buffer {
  const fitted = Buffer.from(answer);
  fitted.writeUInt16BE(query.id, 0);
  query.question.copy(fitted, HEADER_BYTES);
  if (fitted.length <= maxBytes) return fitted;
  const short = Buffer.from(fitted.subarray(0, HEADER_BYTES + query.question.length));
  short.writeUInt16BE(short.readUInt16BE(2) | 0x0200, 2);
  for (const at of [6, 8, 10]) short.writeUInt16BE(0, at);
  return short;
}

/** An answer with a code and no records. Works on whatever a guest sent, as long as there is a header. */
export function answerError(query: Buffer, rcode: number, question: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  query.copy(header, 0, 0, 2);
  // QR and RA, with the query's opcode and RD.
  header.writeUInt16BE(0x8080 | (query.readUInt16BE(2) & 0x7900) | rcode, 2);
  header.writeUInt16BE(question.length > 0 ? 1 : 0, 4);
  return Buffer.concat([header, question]);
}

export type Lifetimes = {
  /** Offsets of the 32-bit TTLs in the message, OPT's flags left out. */
  readonly offsets: readonly number[];
  /** Smallest TTL of answers and authorities, in seconds; undefined when there are none. */
  readonly minSeconds: number | undefined;
  readonly answerCount: number;
};

/** Walks the records of an answer; undefined when it is malformed. */
export function readLifetimes(answer: Buffer): Lifetimes | undefined {
  let at = questionEnd(answer);
  if (at === undefined || answer.readUInt16BE(4) !== 1) return undefined;
  const answerCount = answer.readUInt16BE(6);
  const records = answerCount + answer.readUInt16BE(8) + answer.readUInt16BE(10);
  const offsets: number[] = [];
  let minSeconds: number | undefined;
  for (let seen = 0; seen < records; seen += 1) {
    at = nameEnd(answer, at);
    if (at === undefined || at + 10 > answer.length) return undefined;
    if (answer.readUInt16BE(at) !== TYPE_OPT) {
      offsets.push(at + 4);
      minSeconds = Math.min(minSeconds ?? Number.POSITIVE_INFINITY, answer.readUInt32BE(at + 4));
    }
    at += 10 + answer.readUInt16BE(at + 8);
  }
  return at > answer.length ? undefined : { offsets, minSeconds, answerCount };
}

/** End of the one question: its name may hold no pointer, no label beyond 63 and be no longer than 255 bytes. */
function questionEnd(bytes: Buffer): number | undefined {
  let at = HEADER_BYTES;
  for (let length = bytes[at]; length !== 0; length = bytes[at]) {
    if (length === undefined || length > 63) return undefined;
    at += length + 1;
    if (at - HEADER_BYTES > 254) return undefined;
  }
  return at + 5 <= bytes.length ? at + 5 : undefined;
}

function nameEnd(bytes: Buffer, start: number): number | undefined {
  for (let at = start; ; ) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    if (length > 63) return undefined;
    at += length + 1;
  }
}

function readOpt(bytes: Buffer): { udpBytes: number; wantsDnssec: boolean } | undefined | "bad" {
  try {
    const found = decode(bytes).additionals?.find((record) => record.type === "OPT");
    if (found?.type !== "OPT") return undefined;
    return { udpBytes: found.udpPayloadSize, wantsDnssec: (found.flags & 0x8000) !== 0 };
  } catch {
    return "bad";
  }
}
