/** An S3-compatible server for tests, and a hop before it that can be told to misbehave. */

import { rm } from "node:fs/promises";
import { createServer, request as makeRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Secret } from "@sandlot/config";
import type { S3Settings } from "../src/s3-settings";
import { tempDir } from "./fixtures";

export type S3Server = AsyncDisposable & {
  readonly url: string;
  /** The same objects, where every signature but that of a list is checked. */
  readonly strictUrl: string;
  settings(of?: Partial<S3Settings>): S3Settings;
};

export const BUCKET = "artifacts";

export async function startS3(): Promise<S3Server> {
  const dir = await tempDir();
  // Its tokens of long lists need a cipher that OpenSSL 3 calls legacy.
  const child = Bun.spawn(
    ["node", "--openssl-legacy-provider", join(import.meta.dir, "s3-server.mjs"), dir.path, BUCKET],
    {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  const { value } = await child.stdout.getReader().read();
  const [port, strictPort] = new TextDecoder().decode(value).trim().split(" ").map(Number);
  if (!port || !strictPort) throw new Error("the S3 server did not start");
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    strictUrl: `http://127.0.0.1:${strictPort}`,
    settings: (of) => settingsFor(url, of),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      await rm(dir.path, { recursive: true, force: true });
    },
  };
}

export function settingsFor(endpoint: string, of: Partial<S3Settings> = {}): S3Settings {
  return {
    bucket: BUCKET,
    region: "us-east-1",
    endpoint,
    usePathStyle: true,
    accessKeyId: "S3RVER",
    secretAccessKey: new Secret("S3RVER"),
    ...of,
  };
}

export type Mood =
  /** Handed on as it is. */
  | "well"
  /** 503 to everything. */
  | "busy"
  /** The first half of every answer longer than a kilobyte, then the connection is cut. */
  | "cut";

export type Hop = AsyncDisposable & { readonly url: string; mood: Mood; requests: number; cuts: number };

/** Between a client and the server. Signatures hold, since the name of the host is handed on as the client wrote it. */
export async function startHop(target: string): Promise<Hop> {
  const hop = { url: "", mood: "well" as Mood, requests: 0, cuts: 0 };
  const { hostname: host, port } = new URL(target);
  const server = createServer((request, response) => {
    hop.requests += 1;
    if (hop.mood === "busy") {
      request.resume();
      response.writeHead(503).end("<Error><Code>SlowDown</Code></Error>");
      return;
    }
    const { method, url: path, headers } = request;
    const onward = makeRequest({ host, port, method, path, headers }, (answer) => {
      const length = Number(answer.headers["content-length"] ?? 0);
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      if (hop.mood !== "cut" || length <= 1_024 || method === "HEAD") return void answer.pipe(response);
      hop.cuts += 1;
      let left = Math.floor(length / 2);
      answer.on("data", (piece: Buffer) => {
        response.write(piece.subarray(0, left));
        left -= piece.length;
        if (left <= 0) response.destroy();
      });
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  hop.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(hop, {
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  });
}
