/** Compiles a program that runs inside guests, with a C library of its own beside it; called by the build.ts of such programs. */
import { chmodSync, copyFileSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");

// glibc's parts: with them beside it, the program runs in images with another C library or none.
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

export type GuestProgram = {
  readonly main: string;
  /** The folder under dist/ that stands for the guest's root. */
  readonly layer: string;
  /** The program's directory inside guests. */
  readonly home: string;
  readonly name: string;
  /** Constants put in, as source text. */
  readonly define?: Readonly<Record<string, string>>;
};

/** @returns the executable's path */
export function compileGuestProgram({ main, layer, home, name, define = {} }: GuestProgram): string {
  const machine = MACHINES[process.arch as keyof typeof MACHINES];
  if (machine === undefined) throw new Error(`${name} is not built for ${process.arch}`);
  const dir = join(ROOT, "dist", layer, home);
  const fresh = join(dir, `.${name}.new`); // renamed over the old one, which sandboxes may be running
  mkdirSync(join(dir, "lib"), { recursive: true });
  for (const library of [machine.loader, ...LIBRARIES]) {
    copyFileSync(join(machine.from, library), join(dir, "lib", library));
    chmodSync(join(dir, "lib", library), 0o755);
  }
  run([
    process.execPath,
    ...["build", "--compile", "--minify", "--bytecode", "--format=esm"],
    // Its working directory belongs to the guest, whose files must not configure it.
    ...["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"],
    ...Object.entries(define).flatMap(([key, value]) => ["--define", `${key}=${value}`]),
    main,
    ...["--outfile", fresh],
  ]);
  run(["patchelf", "--set-interpreter", `${home}/lib/${machine.loader}`, "--set-rpath", `${home}/lib`, fresh]);
  chmodSync(fresh, 0o755);
  renameSync(fresh, join(dir, name));
  return join(dir, name);
}

function run(command: readonly string[]): void {
  const { exitCode, stderr, stdout } = Bun.spawnSync([...command], { cwd: ROOT });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr}${stdout}`);
}
