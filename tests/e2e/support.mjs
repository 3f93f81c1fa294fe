// What every end-to-end test shares: the stock client named by SANDLOT_E2B_PACKAGE, configured by URL as a user would,
// and sandboxes that end with their test.
import assert from "node:assert/strict";
import { after } from "node:test";

const name = process.env.SANDLOT_E2B_PACKAGE ?? "e2b";
for (const variable of ["E2B_API_KEY", "E2B_API_URL", "E2B_SANDBOX_URL", "E2B_DOMAIN"]) {
  if (!process.env[variable]) throw new Error(`${variable} must be set: run these through ./sandlot test`);
}
export const client = await import(name);
export const { Sandbox } = client;
export const apiUrl = process.env.E2B_API_URL;
export const sandboxUrl = process.env.E2B_SANDBOX_URL;
export const apiKey = process.env.E2B_API_KEY;

const made = new Set();
after(async () => {
  await Promise.allSettled([...made].map((sandbox) => sandbox.kill()));
});

/** A sandbox that is killed when the file's tests are over. */
export async function create(options = {}) {
  const { template = "base", ...rest } = options;
  const sandbox = await Sandbox.create(template, { timeoutMs: 120_000, ...rest });
  made.add(sandbox);
  return sandbox;
}

/** A plain API call, for what the client would not let through. */
export async function api(method, path, { body, headers = {}, raw } = {}) {
  const answer = await fetch(`${apiUrl}${path}`, {
    method,
    headers: {
      "X-API-Key": apiKey,
      ...(body === undefined && raw === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
  });
  const text = await answer.text();
  let json;
  try {
    json = text === "" ? undefined : JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: answer.status, headers: answer.headers, text, json };
}

/** A request to a port of a sandbox, routed by headers. */
export function toPort(sandboxId, port, path = "/", options = {}) {
  return fetch(`${sandboxUrl}${path}`, {
    ...options,
    headers: { "E2b-Sandbox-Id": sandboxId, "E2b-Sandbox-Port": String(port), ...options.headers },
  });
}

export async function until(check, { withinMs = 60_000, everyMs = 50, what = "the condition" } = {}) {
  const start = Date.now();
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() - start > withinMs) assert.fail(`${what} did not hold within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
