/** The installation's REST interface, asked from beside it. */
import { request } from "node:http";
import { clientEnv, loadSettings } from "@sandlot/stack";
import { cliFaults } from "../faults";

/** No operation of the API takes longer, a create in a full queue apart. */
const ANSWER_WITHIN_MS = 70_000;

export type Answer = { readonly status: number; readonly json: unknown };
export type LocalApi = {
  readonly sandboxUrl: string;
  /**
   * Asks with the installation's own key, or with `headers` instead of it. Goes past every proxy of the environment.
   * @throws Fault `cli_api_silent`; `cli_api_refused` for any status from 400 but those in `mayBe`
   */
  ask(of: {
    method: string;
    path: string;
    body?: unknown;
    headers?: Readonly<Record<string, string>>;
    mayBe?: readonly number[];
  }): Promise<Answer>;
};

/** @throws Fault `stack_not_running` when nothing was ever set up on that directory */
export function localApi(dataDir: string): LocalApi {
  const env = clientEnv(loadSettings(dataDir));
  return {
    sandboxUrl: env.E2B_SANDBOX_URL,
    async ask({ method, path, body, headers = { "X-API-Key": env.E2B_API_KEY }, mayBe = [] }) {
      const url = `${env.E2B_API_URL}${path}`;
      const { status, text } = await send({ method, url, headers, body });
      const json = parse(text);
      if (status >= 400 && !mayBe.includes(status)) {
        const message = (json as { message?: unknown } | undefined)?.message ?? text.slice(0, 200);
        throw cliFaults.api_refused({ status, message: `the API said no: ${String(message)}` });
      }
      return { status, json };
    },
  };
}

function send(of: {
  method: string;
  url: string;
  headers: Readonly<Record<string, string>>;
  body: unknown;
}): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (thrown: Error): void =>
      reject(cliFaults.api_silent({ url: new URL(of.url).origin, why: thrown.message }, thrown));
    const payload = of.body === undefined ? undefined : JSON.stringify(of.body);
    const headers = { ...of.headers, ...(payload === undefined ? {} : { "Content-Type": "application/json" }) };
    const sent = request(of.url, { method: of.method, headers, agent: false, timeout: ANSWER_WITHIN_MS }, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(parts).toString("utf8") }));
      answer.on("error", fail);
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
    sent.on("error", fail);
    sent.end(payload);
  });
}

function parse(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
