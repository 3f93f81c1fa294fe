// The outside of a test: name server, TLS and HTTP origins, and a fake metadata service, all noting what they are asked. Runs in
// the namespace that lab.mjs made. argv: directory with cert.pem and key.pem, address of the origins, address of the metadata service.
import dgram from "node:dgram";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { join } from "node:path";

const [dir, origin, metadata] = process.argv.slice(2);
const heard = [];

function answer(via) {
  return (request, response) => {
    if (request.url === "/heard") return response.end(JSON.stringify(heard.splice(0)));
    const { method, url, headers } = request;
    heard.push({ via, method, url, headers });
    if (url === "/redirect") response.writeHead(302, { Location: "https://evil.test/stolen" });
    request.resume().on("end", () => response.end(`${via} ${headers.host} ${url}`));
  };
}

/** Every name has the origins' address but those that begin with `inside.`, and every second answer about `rebind.`. */
let asked = 0;
function answerName(query) {
  let at = 12;
  const labels = [];
  while (query[at] > 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + query[at]));
    at += query[at] + 1;
  }
  const question = query.subarray(12, at + 5);
  const isAddress = question.readUInt16BE(question.length - 4) === 1;
  asked += 1;
  const isInside = labels[0] === "inside" || (labels[0] === "rebind" && asked % 2 === 0);
  const address = (isInside ? metadata : origin).split(".").map(Number);
  const head = Buffer.from([...query.subarray(0, 2), 0x81, 0x80, 0, 1, 0, isAddress ? 1 : 0, 0, 0, 0, 0]);
  const ttl = labels[0] === "rebind" ? 0 : 5;
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, ttl, 0, 4, ...address]);
  return Buffer.concat([head, question, ...(isAddress ? [record] : [])]);
}

const names = dgram.createSocket("udp4");
names.on("message", (query, from) => names.send(answerName(query), from.port, from.address));
names.bind(5300, origin);
const [cert, key] = ["cert.pem", "key.pem"].map((name) => readFileSync(join(dir, name)));
https.createServer({ cert, key }, answer("tls")).listen(443, origin);
http.createServer(answer("http")).listen(80, origin);
http.createServer(answer("metadata")).listen(80, metadata);
dgram
  .createSocket("udp4")
  .on("message", (text) => heard.push({ via: "udp", text: text.toString() }))
  .bind(443, "0.0.0.0", () => console.log("ready"));
