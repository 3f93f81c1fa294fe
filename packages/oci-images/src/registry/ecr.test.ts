import { expect, test } from "bun:test";
import { signAws } from "./ecr";

test("signs as AWS's own example does (post-vanilla of its test suite)", () => {
  const signature = signAws({
    keys: {
      accessKeyId: "AKIDEXAMPLE",
      secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
      region: "us-east-1",
    },
    service: "service",
    headers: { host: "example.amazonaws.com", "x-amz-date": "20150830T123600Z" },
    body: "",
    amzDate: "20150830T123600Z",
  });
  expect(signature).toEndWith("Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
});
