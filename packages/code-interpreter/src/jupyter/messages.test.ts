import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { decodeMessage, encodeRequest, signer } from "./messages";

test("signs header, parent, metadata and content, in that order", () => {
  const parts = encodeRequest({
    sign: signer("k"),
    id: "1",
    session: "s",
    date: "d",
    type: "execute_request",
    content: { code: "1" },
  });
  const [delimiter, signature, ...signed] = parts;
  expect(delimiter?.toString()).toBe("<IDS|MSG>");
  const hmac = createHmac("sha256", "k");
  for (const part of signed) hmac.update(part);
  expect(signature?.toString()).toBe(hmac.digest("hex"));
});

test("reads what it finds behind the delimiter, whatever stands before", () => {
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const parts = [
    Buffer.from("topic"),
    Buffer.from("<IDS|MSG>"),
    Buffer.from("x"),
    json({ msg_type: "status" }),
    json({ msg_id: "1" }),
    json({}),
    json({ a: 1 }),
  ];
  expect(decodeMessage(parts)).toEqual({ type: "status", parentId: "1", content: { a: 1 } });
  expect(decodeMessage(parts.slice(0, 4))).toBeUndefined();
  expect(decodeMessage([...parts.slice(0, 6), Buffer.from("{")])).toBeUndefined();
});
