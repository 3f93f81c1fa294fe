/** Jupyter's messages (protocol 5.3) as ZeroMQ parts: signed, numbered, JSON. Pure but for ids and time, which are handed in. */
import { createHmac } from "node:crypto";

export type JupyterHeader = { readonly msg_id: string; readonly msg_type: string; readonly session: string };

export type JupyterMessage = {
  readonly type: string;
  /** The request this belongs to; empty when to none. */
  readonly parentId: string;
  readonly content: Readonly<Record<string, unknown>>;
};

const DELIMITER = Buffer.from("<IDS|MSG>");
const EMPTY = Buffer.from("{}");

export function signer(key: string): (parts: readonly Buffer[]) => Buffer {
  return (parts) => {
    const hmac = createHmac("sha256", key);
    for (const part of parts) hmac.update(part);
    return Buffer.from(hmac.digest("hex"));
  };
}

export function encodeRequest(of: {
  sign: (parts: readonly Buffer[]) => Buffer;
  id: string;
  session: string;
  date: string;
  type: string;
  content: unknown;
}): Buffer[] {
  const header = {
    msg_id: of.id,
    msg_type: of.type,
    session: of.session,
    date: of.date,
    username: "user",
    version: "5.3",
  };
  const signed = [Buffer.from(JSON.stringify(header)), EMPTY, EMPTY, Buffer.from(JSON.stringify(of.content))];
  return [DELIMITER, of.sign(signed), ...signed];
}

/** Undefined for what is no message of the protocol. Signatures are not checked: the kernel is our own child on a private socket. */
export function decodeMessage(parts: readonly Buffer[]): JupyterMessage | undefined {
  const at = parts.findIndex((part) => part.equals(DELIMITER));
  const [, header, parent, , content] = at < 0 ? [] : parts.slice(at + 1);
  if (header === undefined || parent === undefined || content === undefined) return undefined;
  try {
    const { msg_type } = JSON.parse(header.toString("utf8")) as JupyterHeader;
    const { msg_id } = JSON.parse(parent.toString("utf8")) as Partial<JupyterHeader>;
    return {
      type: msg_type,
      parentId: msg_id ?? "",
      content: JSON.parse(content.toString("utf8")) as Record<string, unknown>,
    };
  } catch {
    return undefined;
  }
}
