/** Stands for Firecracker: its API with its rules and states, and a guest of a few pages. Test double only, never shipped. */
import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { asUser } from "@sandlot/linux";
import { type ApiRequest, type Method, type Phase, ruleOf, wrongsOfRequest } from "../../src/rules/api-rules";
import type { Control } from "./control";
import { FakeGuest } from "./guest";
import { readMemory, writeMemory } from "./memory";

type Body = Record<string, unknown>;
type Answer = { readonly status: number; readonly body?: unknown };

const OK: Answer = { status: 204 };
const no = (reason: string): Answer => ({ status: 400, body: { fault_message: reason } });

export class FakeFirecracker {
  readonly #of: { control: Control; id: string; uid: number; say: (text: string) => void };
  #phase: Phase = "not-started";
  /** Bodies by path, as they were put. */
  readonly #config = new Map<string, Body>();
  #metadata: unknown;
  #guest: FakeGuest | undefined;

  constructor(of: { control: Control; id: string; uid: number; say: (text: string) => void }) {
    this.#of = of;
  }

  listen(socketPath: string): void {
    Bun.serve({ unix: inside(socketPath), fetch: (request) => this.#answer(request) });
  }

  async #answer(request: Request): Promise<Response> {
    const { control, id } = this.#of;
    const path = new URL(request.url).pathname;
    const name = `${request.method} ${path}`;
    const text = await request.text();
    if (path.startsWith("/fake/")) return Response.json(this.#guestProgram(path, text === "" ? {} : JSON.parse(text)));
    const asked: ApiRequest = {
      method: request.method as Method,
      path,
      ...(text === "" ? {} : { body: JSON.parse(text) as unknown }),
    };
    const version = control.version.split(".").map(Number) as [number, number, number];
    const wrongs = wrongsOfRequest(asked, { phase: this.#phase, version: [version[0], version[1]] });
    control.note({ machine: id, request: name, body: asked.body, wrongs });
    const trouble = control.troubleAt(name);
    if (trouble === "die") process.kill(process.pid, "SIGKILL");
    if (trouble === "hang") await new Promise(() => undefined);
    if (trouble === "slow") await Bun.sleep(300);
    if (trouble === "garble") return new Response("<html>", { status: 200 });
    const answer =
      trouble === "refuse" ? no("told to refuse") : wrongs.length > 0 ? no(wrongs.join("; ")) : this.#do(asked);
    return answer.body === undefined
      ? new Response(null, { status: answer.status })
      : Response.json(answer.body, { status: answer.status });
  }

  #do(asked: ApiRequest): Answer {
    const body = (asked.body ?? {}) as Body;
    if (asked.method === "GET") return this.#read(asked.path);
    if (ruleOf(asked)?.configures === true) return this.#configure(asked.path, body);
    if (asked.path === "/actions") return body.action_type === "InstanceStart" ? this.#boot() : OK;
    if (asked.path === "/vm") return this.#setState(String(body.state));
    if (asked.path === "/mmds") return this.#setMetadata(body);
    if (asked.path === "/snapshot/create") return this.#save(body);
    if (asked.path === "/snapshot/load") return this.#load(body);
    return OK;
  }

  #read(path: string): Answer {
    const states = { "not-started": "Not started", running: "Running", paused: "Paused" };
    if (path === "/") {
      const { id, control } = this.#of;
      return {
        status: 200,
        body: { id, state: states[this.#phase], vmm_version: control.version, app_name: "Firecracker" },
      };
    }
    if (path === "/version") return { status: 200, body: { firecracker_version: this.#of.control.version } };
    if (path === "/mmds") return { status: 200, body: this.#metadata ?? {} };
    if (path === "/vm/config") return { status: 200, body: Object.fromEntries(this.#config) };
    return { status: 200, body: this.#config.get(path) ?? {} };
  }

  #configure(path: string, body: Body): Answer {
    const wrong = this.#wrongFiles(path, body);
    if (wrong !== undefined) return no(wrong);
    if (path === "/mmds/config" && !this.#hasInterfaces(body.network_interfaces as string[]))
      return no("MMDS for an interface that is not there");
    this.#config.set(path, body);
    return OK;
  }

  #hasInterfaces(names: readonly string[]): boolean {
    return names.every((name) => this.#config.has(`/network-interfaces/${name}`));
  }

  /** What Firecracker opens as soon as it is told of it, as its own user. */
  #wrongFiles(path: string, body: Body): string | undefined {
    if (path === "/boot-source") return this.#unreadable(body.kernel_image_path) ?? this.#unreadable(body.initrd_path);
    if (path.startsWith("/drives/")) {
      if (body.is_read_only !== true) return this.#unwritable(body.path_on_host);
      return this.#unreadable(body.path_on_host);
    }
    if (path.startsWith("/network-interfaces/") && !hasLink(String(body.host_dev_name)))
      return `no tap ${body.host_dev_name}`;
    return undefined;
  }

  #unreadable(path: unknown): string | undefined {
    return this.#access(path, "r");
  }

  #unwritable(path: unknown): string | undefined {
    return this.#access(path, "r+");
  }

  #access(path: unknown, flag: "r" | "r+"): string | undefined {
    const { uid } = this.#of;
    try {
      // Root's own reach would hide a wrong owner.
      asUser({ uid, gid: uid, groups: [] }, () => {
        closeSync(openSync(inside(String(path)), flag));
      });
      return undefined;
    } catch (thrown) {
      return `${path}: ${(thrown as Error).message}`;
    }
  }

  #boot(): Answer {
    const boot = this.#config.get("/boot-source");
    if (boot === undefined) return no("no boot source");
    const machine = this.#config.get("/machine-config") ?? { vcpu_count: 1, mem_size_mib: 128 };
    const guest = new FakeGuest({ say: this.#of.say, memoryMiB: Number(machine.mem_size_mib) });
    guest.boot(String(boot.boot_args ?? ""));
    return this.#run(guest, "running");
  }

  #run(guest: FakeGuest, phase: Phase): Answer {
    this.#guest = guest;
    this.#phase = phase;
    const vsock = this.#config.get("/vsock");
    const path = inside(String(vsock?.uds_path ?? ""));
    if (vsock !== undefined && existsSync(path)) return this.#give("the vsock socket is there already");
    if (vsock !== undefined) guest.listen(path);
    guest.isRunning = phase === "running";
    return OK;
  }

  #setState(state: string): Answer {
    this.#phase = state === "Paused" ? "paused" : "running";
    if (this.#guest !== undefined) this.#guest.isRunning = this.#phase === "running";
    return OK;
  }

  #setMetadata(body: Body): Answer {
    if (!this.#config.has("/mmds/config")) return no("the data store is not set up");
    this.#metadata = body;
    return OK;
  }

  #save(body: Body): Answer {
    const guest = this.#guest;
    if (guest === undefined) return no("no guest");
    const tracks = this.#config.get("/machine-config")?.track_dirty_pages === true;
    const kind = body.snapshot_type === "Diff" ? "Diff" : "Full";
    if (kind === "Diff" && !tracks) return no("dirty pages are not tracked");
    const [state, memory] = [String(body.snapshot_path), String(body.mem_file_path)];
    const wrong = this.#unwritable(state) ?? this.#unwritable(memory);
    if (wrong !== undefined) return no(wrong);
    try {
      writeFileSync(inside(state), JSON.stringify({ config: [...this.#config], format: "fake-1" }));
      writeMemory({ path: inside(memory), guest, kind });
    } catch (thrown) {
      return no(`cannot write: ${(thrown as Error).message}`);
    }
    return OK;
  }

  #load(body: Body): Answer {
    if (this.#config.size > 0) return this.#give("a snapshot can be loaded into a fresh process only");
    const backend = body.mem_backend as { backend_path: string } | undefined;
    const memory = backend?.backend_path ?? String(body.mem_file_path);
    const wrong = this.#unreadable(String(body.snapshot_path)) ?? this.#unreadable(memory);
    if (wrong !== undefined) return this.#give(wrong);
    let saved: { config: [string, Body][]; format: string };
    try {
      saved = JSON.parse(readFileSync(inside(String(body.snapshot_path)), "utf8"));
    } catch {
      return this.#give("the snapshot is damaged");
    }
    for (const [path, was] of saved.config) {
      const now = { ...was };
      const override = (body.network_overrides as { iface_id: string; host_dev_name: string }[] | undefined)?.find(
        ({ iface_id }) => path === `/network-interfaces/${iface_id}`,
      );
      if (override !== undefined) now.host_dev_name = override.host_dev_name;
      const lost = path === "/boot-source" ? undefined : this.#wrongFiles(path, now);
      if (lost !== undefined) return this.#give(lost);
      if (path === "/machine-config") now.track_dirty_pages = body.enable_diff_snapshots === true;
      this.#config.set(path, now);
    }
    const memoryMiB = Number(this.#config.get("/machine-config")?.mem_size_mib);
    if (statSync(inside(memory)).size !== memoryMiB << 20) return this.#give("the memory has another size");
    const guest = new FakeGuest({ say: this.#of.say, memoryMiB });
    readMemory({ path: inside(memory), guest });
    return this.#run(guest, body.resume_vm === true ? "running" : "paused");
  }

  /** A load or boot that fails ends the process, once it has answered. */
  #give(reason: string): Answer {
    setTimeout(() => process.exit(1), 10);
    return no(reason);
  }

  /** What a program in the guest does; only while it runs. */
  #guestProgram(path: string, body: Body): unknown {
    const guest = this.#guest;
    if (guest === undefined || !guest.isRunning) return { stuck: true };
    if (path === "/fake/write-memory") guest.writePage(Number(body.page), String(body.text));
    if (path === "/fake/read-memory") return { text: guest.readPage(Number(body.page)) };
    if (path === "/fake/state") return guest.state;
    if (path === "/fake/write-disk") guest.writeDisk(Number(body.offset), String(body.text));
    if (path === "/fake/read-disk") return { text: guest.readDisk(Number(body.offset), Number(body.length)) };
    if (path === "/fake/say") this.#of.say(String(body.text));
    if (path === "/fake/plant") this.#plant(String(body.link), String(body.target));
    if (path === "/fake/exit") guest.exit(Number(body.code), Number(body.oomKills ?? 0));
    return {};
  }

  /** What a broken Firecracker could do to its own directory. */
  #plant(link: string, target: string): void {
    rmSync(inside(link), { recursive: true, force: true });
    symlinkSync(target, inside(link));
  }
}

/** The working directory is the root. */
function inside(path: string): string {
  return path.replace(/^\/+/, "");
}

function hasLink(name: string): boolean {
  return readFileSync(".links", "utf8").includes(`${name}:`);
}
