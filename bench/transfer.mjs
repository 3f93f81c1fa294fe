// Bytes per second through client proxy, node proxy and envd: the stock client's files.write and files.read, and
// Node's own HTTP client for the same routes. Needs the variables of `sandlot env`.
//   node bench/transfer.mjs [--mb 100] [--rounds 5]
import http from "node:http";
import { parseArgs } from "node:util";
import { Sandbox } from "e2b";
import { quantile, report, timed } from "./support.mjs";

const { values } = parseArgs({
  options: { mb: { type: "string", default: "100" }, rounds: { type: "string", default: "5" } },
});
const mb = Number(values.mb);
const bytes = Buffer.alloc(mb * 1_000_000, "0123456789abcdef");
const sandbox = await Sandbox.create("base", { timeoutMs: 300_000 });
const proxy = new URL(process.env.E2B_SANDBOX_URL);

/** Sends `body`, if any, and reads the answer to its end. @returns bytes read */
function plain(method, path, body) {
  const headers = {
    Host: `49983-${sandbox.sandboxId}.${process.env.E2B_DOMAIN}`,
    "X-Access-Token": sandbox.envdAccessToken ?? "",
    ...(body && { "Content-Type": "application/octet-stream", "Content-Length": body.length }),
  };
  return new Promise((resolve, reject) => {
    const at = { host: proxy.hostname, port: proxy.port, method, path, headers };
    const request = http.request(at, (answer) => {
      let size = 0;
      answer.on("data", (chunk) => {
        size += chunk.length;
      });
      answer.on("error", reject);
      answer.on("end", () => (answer.statusCode < 300 ? resolve(size) : reject(new Error(`${answer.statusCode}`))));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function rate(name, atLeast, work) {
  const rates = [];
  for (let n = 0; n <= Number(values.rounds); n += 1) rates.push(mb / ((await timed(work)).ms / 1000));
  const note = `n=${values.rounds}`;
  report({ name: `${mb} MB ${name}`, value: quantile(rates.slice(1), 0.5), unit: "MB/s", atLeast, note });
}

try {
  const path = "/files?path=/home/user/plain.bin&username=user";
  await rate("up, plain HTTP", 100, () => plain("POST", path, bytes));
  await rate("down, plain HTTP", 150, async () => {
    const size = await plain("GET", path);
    if (size !== bytes.length) throw new Error(`read ${size} bytes`);
  });
  await rate("up, stock client", undefined, () => sandbox.files.write("/home/user/a.bin", new Blob([bytes])));
  await rate("down, stock client", undefined, () => sandbox.files.read("/home/user/a.bin", { format: "bytes" }));
} finally {
  await sandbox.kill();
}
