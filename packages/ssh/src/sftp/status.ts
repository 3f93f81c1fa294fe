import { Code, ConnectError } from "@connectrpc/connect";
import ssh2 from "ssh2";

const { STATUS_CODE } = ssh2.utils.sftp;

/** A failure with the status that SFTP has for it. */
export class SftpError extends Error {
  override readonly name = "SftpError";
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What any failure below is told a client as. */
export function toStatus(thrown: unknown): { status: number; message: string } {
  if (thrown instanceof SftpError) return { status: thrown.status, message: thrown.message };
  if (thrown instanceof ConnectError) return { status: statusOf(thrown.code), message: thrown.rawMessage };
  return { status: STATUS_CODE.FAILURE, message: thrown instanceof Error ? thrown.message : "failed" };
}

function statusOf(code: Code): number {
  if (code === Code.NotFound) return STATUS_CODE.NO_SUCH_FILE;
  if (code === Code.PermissionDenied || code === Code.Unauthenticated) return STATUS_CODE.PERMISSION_DENIED;
  if (code === Code.Unavailable) return STATUS_CODE.CONNECTION_LOST;
  return STATUS_CODE.FAILURE;
}

/** From what a small program wrote to its error stream. */
export function ofMessage(message: string): SftpError {
  const last = message.trim().split("\n").at(-1) ?? "failed";
  if (/no such file/i.test(last)) return new SftpError(STATUS_CODE.NO_SUCH_FILE, last);
  if (/permission denied|not permitted|read-only/i.test(last))
    return new SftpError(STATUS_CODE.PERMISSION_DENIED, last);
  return new SftpError(STATUS_CODE.FAILURE, last);
}

/** From an answer of envd's file route. */
export function ofHttp(status: number, text: string): SftpError {
  const { message = text } = parse(text);
  if (status === 404) return new SftpError(STATUS_CODE.NO_SUCH_FILE, message);
  if (status === 401 || status === 403) return new SftpError(STATUS_CODE.PERMISSION_DENIED, message);
  return new SftpError(STATUS_CODE.FAILURE, message);
}

function parse(text: string): { message?: string } {
  try {
    return JSON.parse(text) as { message?: string };
  } catch {
    return {};
  }
}
