/** The proxy alone, with one fixed upstream, as its own process. Started by bench/proxy.mjs: serve.ts <upstream port> <keep|fresh>. */
import { plainAnswer, startProxy } from "@sandlot/proxy";
import { silentLogger } from "@sandlot/telemetry";

const [upstreamPort, how] = process.argv.slice(2);
const proxy = startProxy(
  { listenHost: "127.0.0.1", listenPort: 0 },
  {
    logger: silentLogger,
    decide: () => ({
      kind: "forward",
      address: "127.0.0.1",
      port: Number(upstreamPort),
      key: "bench",
      keepAlive: how === "keep",
      onFailure: (failure) => plainAnswer(502, failure),
    }),
  },
);
console.log(proxy.port);
