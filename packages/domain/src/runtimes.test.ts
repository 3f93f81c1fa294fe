import { describe, expect, it } from "bun:test";
import { chooseRuntimes, RUNTIME_METADATA_KEY } from "./runtimes";

const both = ["container", "qemu"] as const;
const choose = (of: Partial<Parameters<typeof chooseRuntimes>[0]>) =>
  chooseRuntimes({ metadata: {}, template: undefined, build: both, offered: both, ...of });
const asking = (runtime: string) => ({ metadata: { [RUNTIME_METADATA_KEY]: runtime } });

describe(chooseRuntimes, () => {
  it("takes the creator's word, then the template's, then the order in which they are offered", () => {
    expect(choose({})).toEqual(["container", "qemu"]);
    expect(choose({ offered: ["qemu", "container"] })).toEqual(["qemu", "container"]);
    expect(choose({ template: ["qemu"] })).toEqual(["qemu"]);
    expect(choose({ template: ["qemu", "container"] })).toEqual(["qemu", "container"]);
    expect(choose({ template: ["qemu"], ...asking("container") })).toEqual(["container"]);
  });

  it("leaves out what the build was not made for and what nobody offers, and refuses when nothing is left", () => {
    expect(choose({ build: ["container"] })).toEqual(["container"]);
    expect(choose({ template: ["firecracker", "qemu"] })).toEqual(["qemu"]);
    expect(() => choose({ build: ["container"], ...asking("qemu") })).toThrow("made for container");
    expect(() => choose({ offered: ["container"], ...asking("qemu") })).toThrow("possible here is container");
    expect(() => choose({ build: ["qemu"], offered: ["container"] })).toThrow("possible here is container");
    expect(() => choose(asking("vm"))).toThrow("got 'vm'");
  });

  it("decides nothing about nodes while none is ready", () => {
    expect(choose({ offered: [], ...asking("qemu") })).toEqual(["qemu"]);
  });
});
