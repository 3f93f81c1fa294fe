/** Builds envd and its private C library into dist/guest-layer; called by the build script and by hand. */
import { chmodSync, copyFileSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");
const HOME = "/usr/lib/sandlot"; // inside every guest
const LAYER = join(ROOT, "dist/guest-layer", HOME);

// glibc's parts: with them beside it, envd runs in images with another C library or none.
const MACHINES = {
  x64: { from: "/lib/x86_64-linux-gnu", loader: "ld-linux-x86-64.so.2" },
  arm64: { from: "/lib/aarch64-linux-gnu", loader: "ld-linux-aarch64.so.1" },
} as const;
const LIBRARIES = [
  "libc.so.6",
  "libm.so.6",
  "libdl.so.2",
  "libpthread.so.0",
  "libresolv.so.2",
  "libnss_files.so.2",
  "libnss_dns.so.2",
];

function run(command: readonly string[]): void {
  const { exitCode, stderr, stdout } = Bun.spawnSync([...command], { cwd: ROOT });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr}${stdout}`);
}

function commit(): string {
  return Bun.spawnSync(["git", "rev-parse", "HEAD"], { cwd: ROOT }).stdout.toString().trim() || "unknown";
}

const machine = MACHINES[process.arch as keyof typeof MACHINES];
if (machine === undefined) throw new Error(`envd is not built for ${process.arch}`);
const executable = join(LAYER, "envd");
const fresh = join(LAYER, ".envd.new"); // renamed over the old one, which sandboxes may be running
mkdirSync(join(LAYER, "lib"), { recursive: true });
for (const name of [machine.loader, ...LIBRARIES]) copyFileSync(join(machine.from, name), join(LAYER, "lib", name));
run([
  process.execPath,
  ...["build", "--compile", "--minify", "--bytecode", "--format=esm"],
  // Its working directory belongs to the guest, whose files must not configure it.
  ...["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"],
  ...["--define", `SANDLOT_COMMIT="${commit()}"`],
  join(import.meta.dir, "main.ts"),
  ...["--outfile", fresh],
]);
run(["patchelf", "--set-interpreter", `${HOME}/lib/${machine.loader}`, "--set-rpath", `${HOME}/lib`, fresh]);
chmodSync(fresh, 0o755);
renameSync(fresh, executable);
for (const name of [machine.loader, ...LIBRARIES]) chmodSync(join(LAYER, "lib", name), 0o755);
console.log(`envd: ${executable}`);
