/** Asks a service whether it is well. */
import { connect } from "node:http2";
import type { ServiceSpec } from "./table";

/** True when `/health` answers 2xx within `withinMs`. Never throws. */
export async function isHealthy({ protocol, host, port }: ServiceSpec["health"], withinMs = 2_000): Promise<boolean> {
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (protocol === "h2c") return askHttp2(url, withinMs);
  try {
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(withinMs), proxy: "" } as RequestInit);
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
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
