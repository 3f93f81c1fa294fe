/** Starts a real envd as its own process, with accounts of its own, and speaks Connect to it by bare fetch. */
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const USER = { uid: 52001, gid: 52001, group: 52100 };

export type TestEnvd = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Stands for / where envd writes system files. */
  readonly root: string;
  readonly home: string;
};

const MAIN = join(import.meta.dir, "../../../apps/envd/main.ts");

/** @param wrap words in front of envd's command line; its pid is then theirs */
export async function startTestEnvd(env: Record<string, string> = {}, wrap: readonly string[] = []): Promise<TestEnvd> {
  const root = mkdtempSync(join(tmpdir(), "envd-"));
  Bun.spawnSync(["chmod", "755", root]);
  const home = join(root, "home");
  mkdirSync(home);
  chownSync(home, USER.uid, USER.gid);
  writeFileSync(
    join(root, "passwd"),
    `root:x:0:0:root:/root:/bin/bash\nuser:x:${USER.uid}:${USER.gid}::${home}:/bin/bash\n`,
  );
  writeFileSync(join(root, "group"), `root:x:0:\nuser:x:${USER.gid}:\nextra:x:${USER.group}:other,user\n`);
  const command = process.env.ENVD_EXECUTABLE ? [process.env.ENVD_EXECUTABLE] : [process.execPath, MAIN];
  const child = Bun.spawn([...wrap, ...command, "-isnotfc", "-port", "0"], {
    env: {
      PATH: process.env.PATH ?? "/usr/bin:/bin",
      ENVD_HOST: "127.0.0.1",
      ENVD_SYSTEM_ROOT: root,
      ENVD_OWNS_MACHINE: "false",
      ENVD_FORWARD_ADDRESS: "",
      ENVD_PASSWD_FILE: join(root, "passwd"),
      ENVD_GROUP_FILE: join(root, "group"),
      ...env,
    },
    stdout: "pipe",
    stderr: "inherit",
  });
  const port = await readPort(child.stdout);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    pid: child.pid,
    root,
    home,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(root, { recursive: true, force: true });
    },
  };
}

export async function readPort(stdout: ReadableStream<Uint8Array>): Promise<number> {
  let text = "";
  const reader = stdout.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`envd did not start: ${text}`);
    text += Buffer.from(value).toString();
    const port = /"port":(\d+)/.exec(text)?.[1];
    if (port !== undefined) {
      void drain(reader);
      return Number(port);
    }
  }
}

async function drain(reader: { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> }): Promise<void> {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const text = Buffer.from(value ?? []).toString();
    if (text.includes('"error"')) process.stderr.write(text);
  }
}

export type Json = Record<string, unknown>;

export function basic(user: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${user}:`).toString("base64")}` };
}

/** A unary call; `status` and the JSON body. */
export async function unary(
  of: { url: string; method: string; headers?: Record<string, string> },
  message: Json,
): Promise<{ status: number; body: Json }> {
  const response = await fetch(`${of.url}/process.Process/${of.method}`, {
    method: "POST",
    headers: { "content-type": "application/json", "connect-protocol-version": "1", ...of.headers },
    body: JSON.stringify(message),
  });
  return { status: response.status, body: (await response.json()) as Json };
}

export type StreamEnd = { readonly error?: { readonly code: string; readonly message?: string } };

/** A server stream in Connect's JSON form, message by message; the last one is under `endOfStream`. */
export async function* stream(
  of: { url: string; method: string; headers?: Record<string, string>; signal?: AbortSignal },
  message: Json,
): AsyncGenerator<Json & { endOfStream?: StreamEnd }> {
  const response = await fetch(`${of.url}/process.Process/${of.method}`, {
    method: "POST",
    headers: { "content-type": "application/connect+json", "connect-protocol-version": "1", ...of.headers },
    body: envelope(message),
    ...(of.signal === undefined ? {} : { signal: of.signal }),
  });
  yield* streamMessages(response);
}

/** The messages in a streamed answer; the closing one is under `endOfStream`. */
export async function* streamMessages(response: Response): AsyncGenerator<Json & { endOfStream?: StreamEnd }> {
  if (response.body === null || !response.ok) throw new Error(`${response.status} ${await response.text()}`);
  let held = Buffer.alloc(0);
  for await (const chunk of response.body) {
    held = Buffer.concat([held, chunk]);
    while (held.byteLength >= 5 && held.byteLength >= 5 + held.readUInt32BE(1)) {
      const size = held.readUInt32BE(1);
      const body = JSON.parse(held.subarray(5, 5 + size).toString()) as Json;
      const flags = held.readUInt8(0);
      held = held.subarray(5 + size);
      yield flags & 2 ? { endOfStream: body } : body;
    }
  }
}

export function envelope(message: Json): Buffer {
  const body = Buffer.from(JSON.stringify(message));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.byteLength, 1);
  return Buffer.concat([head, body]);
}

export type Ran = {
  pid: number;
  stdout: string;
  stderr: string;
  pty: string;
  end: Json | undefined;
  keepalives: number;
  error: StreamEnd["error"];
};

export type ProcessEvent = {
  start?: { pid: number };
  data?: { stdout?: string; stderr?: string; pty?: string };
  end?: Json;
  keepalive?: Json;
};

/** Reads a whole Start or Connect stream. */
export async function collect(
  messages: AsyncIterable<Json & { endOfStream?: StreamEnd }>,
  onEvent: (event: ProcessEvent, ran: Ran) => void | Promise<void> = () => undefined,
): Promise<Ran> {
  const ran: Ran = { pid: 0, stdout: "", stderr: "", pty: "", end: undefined, keepalives: 0, error: undefined };
  const text = (encoded: string | undefined): string => Buffer.from(encoded ?? "", "base64").toString();
  for await (const message of messages) {
    if (message.endOfStream !== undefined) {
      ran.error = message.endOfStream.error;
      continue;
    }
    const event = (message.event ?? {}) as ProcessEvent;
    if (event.start !== undefined) ran.pid = event.start.pid;
    ran.stdout += text(event.data?.stdout);
    ran.stderr += text(event.data?.stderr);
    ran.pty += text(event.data?.pty);
    if (event.keepalive !== undefined) ran.keepalives += 1;
    if (event.end !== undefined) ran.end = event.end;
    await onEvent(event, ran);
  }
  return ran;
}

/** Starts `sh -c script`, as the test user unless told otherwise, and reads to the end. */
export function run(
  envd: TestEnvd,
  of: {
    script: string;
    request?: Json;
    process?: Json;
    headers?: Record<string, string>;
    user?: string;
    onEvent?: (event: ProcessEvent, ran: Ran) => void | Promise<void>;
  },
): Promise<Ran> {
  const headers = { ...basic(of.user ?? "user"), ...of.headers };
  const request = { process: { cmd: "/bin/sh", args: ["-c", of.script], ...of.process }, ...of.request };
  return collect(stream({ url: envd.url, method: "Start", headers }, request), of.onEvent);
}

export function openFds(pid: number): number {
  return Bun.spawnSync(["ls", `/proc/${pid}/fd`])
    .stdout.toString()
    .trim()
    .split("\n").length;
}

export function rssMiB(pid: number): number {
  const status = Bun.spawnSync(["cat", `/proc/${pid}/status`]).stdout.toString();
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}
