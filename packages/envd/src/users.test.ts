import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAccounts } from "./users";

test("openAccounts finds users by name and uid, with all their groups, and names of ids", () => {
  const dir = mkdtempSync(join(tmpdir(), "accounts-"));
  try {
    const files = { passwd: join(dir, "passwd"), group: join(dir, "group") };
    const accounts = openAccounts(files);
    expect(accounts.lookupUser("root")).toBeUndefined();
    writeFileSync(
      files.passwd,
      "# note\nroot:x:0:0:root:/root:/bin/bash\nuser:x:1000:1001:,,,:/home/user:\n1000:x:7:7::/x:/y\nbad:x:q:1::/:/\n",
    );
    writeFileSync(files.group, "root:x:0:\nuser:x:1001:\nsudo:x:27:other,user\nother:x:28:another\n");
    expect(accounts.lookupUser("user")).toEqual({
      name: "user",
      uid: 1000,
      gid: 1001,
      groups: [1001, 27],
      home: "/home/user",
      shell: "/bin/sh",
    });
    expect(accounts.lookupUser("1000")?.uid).toBe(7); // a name that is digits comes before a uid
    expect(accounts.lookupUser(0)?.name).toBe("root");
    expect(accounts.lookupUser("bad")).toBeUndefined();
    expect([accounts.userName(1000), accounts.userName(4242), accounts.groupName(27)]).toEqual([
      "user",
      "4242",
      "sudo",
    ]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
