/** Which doors open to whom: a REST port for everyone must not take the services' own port along. */
import { expect, it } from "bun:test";
import { connect } from "node:net";
import { loadApiConfig } from "../src/config";
import { startInstallation } from "./installation";

/** Another address of this host than the one that is listened on by default. */
const ELSEWHERE = "127.0.0.2";

function isOpen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    socket.once("connect", () => socket.destroy() && resolve(true));
    socket.once("error", () => resolve(false));
  });
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1));

it("keeps the services' own port on loopback when REST listens on every address", async () => {
  await using at = await startInstallation({ listenHost: "0.0.0.0" });
  expect(await isOpen(portOf(at.api.url), ELSEWHERE)).toBe(true);
  expect(await isOpen(portOf(at.api.internalAddress), "127.0.0.1")).toBe(true);
  expect(await isOpen(portOf(at.api.internalAddress), ELSEWHERE)).toBe(false);
}, 60_000);

it("opens the services' own port only by its own variable", () => {
  const needed = {
    POSTGRES_CONNECTION_STRING: "postgres://p",
    REDIS_URL: "redis://r",
    SANDBOX_ACCESS_TOKEN_HASH_SEED: "seed",
    ADMIN_TOKEN: "admin",
  };
  expect(loadApiConfig({ ...needed, LISTEN_HOST: "0.0.0.0" }).internalListenHost).toBe("127.0.0.1");
  expect(loadApiConfig({ ...needed, INTERNAL_LISTEN_HOST: "10.0.0.7" }).internalListenHost).toBe("10.0.0.7");
});
