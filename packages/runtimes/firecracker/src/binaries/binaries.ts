/** The versions of Firecracker of this node, side by side; each is brought in and checked when it is first wanted. */
import type { FirecrackerRuntimeConfig } from "../config";
import { firecrackerFaults } from "../faults";
import { installPinned } from "./install";
import type { Pinned } from "./versions";

export type InstalledVersion = { readonly version: string; readonly firecracker: string; readonly jailer: string };

export class Binaries {
  readonly #dir: string;
  readonly #config: Pick<FirecrackerRuntimeConfig, "versions" | "kernel">;

  constructor(of: { dir: string; config: Pick<FirecrackerRuntimeConfig, "versions" | "kernel"> }) {
    this.#dir = of.dir;
    this.#config = of.config;
  }

  get names(): readonly string[] {
    return this.#config.versions.map(({ version }) => version);
  }

  /** @param version absent, the one for new machines
   * @throws Fault `firecracker_not_configured`, `firecracker_not_fetched`, `firecracker_wrong_checksum` */
  async install(version: string | undefined, signal: AbortSignal): Promise<InstalledVersion> {
    const { versions } = this.#config;
    const found = version === undefined ? versions[0] : versions.find((one) => one.version === version);
    if (found === undefined)
      throw firecrackerFaults.not_configured({
        what: version === undefined ? "Firecracker" : `Firecracker ${version}`,
      });
    const install = (name: string, pinned: Pinned): Promise<string> =>
      installPinned({ dir: this.#dir, name, pinned, signal });
    const [firecracker, jailer] = await Promise.all([
      install("firecracker", found.firecracker),
      install("jailer", found.jailer),
    ]);
    return { version: found.version, firecracker, jailer };
  }

  /** The kernel that takes the place of the provisioned one, if one is configured. */
  async kernel(signal: AbortSignal): Promise<{ path: string; sha256: string } | undefined> {
    const { kernel } = this.#config;
    if (kernel === undefined) return undefined;
    return {
      path: await installPinned({ dir: this.#dir, name: "vmlinux", pinned: kernel, signal }),
      sha256: kernel.sha256,
    };
  }
}
