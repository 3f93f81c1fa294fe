import { describe, expect, it } from "bun:test";
import { nameHints } from "./name-hints";
import { defaultPorts } from "./settings";

const settings = { domain: "box.test", dnsHost: "127.0.0.1", ports: defaultPorts(), dataDir: "/data" };

describe(nameHints, () => {
  it("is one line that says whom to ask and what to trust", () => {
    const [line = "", ...more] = nameHints({ settings, isTrusted: false, hasResolved: false, isDefaultDir: false });
    expect(more).toEqual([]);
    expect(line).toContain("https://<port>-<sandbox>.box.test:3443");
    expect(line).toContain("server=/box.test/127.0.0.1#3053");
    expect(line).toContain("sandlot trust --data /data");
  });

  it("names systemd's resolver where it runs, and leaves out what is done", () => {
    const [line] = nameHints({ settings, isTrusted: true, hasResolved: true, isDefaultDir: true });
    expect(line).toContain("resolvectl dns lo 127.0.0.1:3053 && resolvectl domain lo '~box.test'");
    expect(line).not.toContain("trust");
  });

  it("offers resolv.conf only when the server has the port that it can name", () => {
    const ports = { ...defaultPorts(), dns: 53 };
    const [line] = nameHints({
      settings: { ...settings, ports, dnsHost: "127.0.0.54" },
      ...{ isTrusted: true, hasResolved: false, isDefaultDir: true },
    });
    expect(line).toContain('"nameserver 127.0.0.54"');
  });
});
