import { expect, test } from "bun:test";
import { isDeniedAddress } from "./addresses";

test("denies what is not public, in every form", () => {
  for (const address of [
    ...["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"],
    ...[
      "255.255.255.255",
      "::1",
      "::",
      "fe80::1",
      "fd00:ec2::254",
      "::ffff:10.0.0.1",
      "::ffff:7f00:1",
      "2002:7f00:1::",
      "x",
    ],
  ]) {
    expect(`${address} ${isDeniedAddress(address)}`).toBe(`${address} true`);
  }
  for (const address of ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1"])
    expect(isDeniedAddress(address)).toBe(false);
});
