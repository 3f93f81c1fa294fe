/** Asks a service whether it is well. */
import { get } from "node:http";
import { connect } from "node:http2";
import type { ServiceSpec } from "./table";

/** True when `/health` answers 2xx within `withinMs`. Never throws. */
export async function isHealthy(
  { protocol, host, port, path = "/health" }: ServiceSpec["health"],
  withinMs = 2_000,
): Promise<boolean> {
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (protocol === "h2c") return askHttp2(url, withinMs);
  const answer = await ask(`${url}${path}`, { withinMs });
  return answer !== undefined && answer.status >= 200 && answer.status < 300;
}

/** A plain GET that no proxy of the environment gets to see. Undefined when there is no whole answer in time. */
export function ask(
  url: string,
  of: { headers?: Readonly<Record<string, string>>; withinMs: number },
): Promise<{ status: number; body: string } | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { headers: { ...of.headers }, agent: false, timeout: of.withinMs }, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(parts).toString("utf8") }));
      answer.on("error", () => resolve(undefined));
    });
    request.on("timeout", () => request.destroy(new Error("no answer in time")));
    request.on("error", () => resolve(undefined));
  });
}

function askHttp2(url: string, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const session = connect(url);
    const end = (isWell: boolean): void => {
      session.destroy();
      resolve(isWell);
    };
    session.setTimeout(withinMs, () => end(false));
    session.on("error", () => end(false));
    const request = session.request({ ":path": "/health" });
    request.on("response", (headers) => end(Number(headers[":status"]) === 200));
    request.on("error", () => end(false));
    request.end();
  });
}
