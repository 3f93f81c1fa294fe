/** A base of the host's own programs and their libraries, so that tests need no image from elsewhere. */
import { copyFile, cp, mkdir, realpath, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { LayerRef } from "./index";

const PROGRAMS =
  "sh cat ls rm cp mv ln mkdir rmdir mkfifo touch chmod chown wc head tail grep sleep date stat truncate readlink hostname id mount umount mknod test echo true kill ps";

async function librariesOf(program: string): Promise<string[]> {
  const child = Bun.spawn(["ldd", program], { stdout: "pipe", stderr: "ignore" });
  const text = await new Response(child.stdout).text();
  return [...text.matchAll(/(\/\S+\.so\S*)/g)].map(([, path]) => path ?? "");
}

export async function makeTinyBase(root: string): Promise<LayerRef> {
  const base = join(root, "base");
  for (const dir of ["usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "etc", "tmp", "root"])
    await mkdir(join(base, dir), { recursive: true, mode: dir === "tmp" ? 0o1777 : 0o755 });
  for (const link of ["bin", "lib", "lib64", "sbin"]) await symlink(`usr/${link}`, join(base, link));
  const wanted = new Set<string>();
  for (const name of PROGRAMS.split(" ")) {
    const path = Bun.which(name, { PATH: "/bin:/usr/bin:/sbin:/usr/sbin" });
    if (path === null) continue;
    await copyFile(await realpath(path), join(base, "usr/bin", name));
    for (const library of await librariesOf(path)) wanted.add(library);
  }
  for (const library of wanted) {
    const at = join(base, library.startsWith("/usr/") ? library : `/usr${library}`);
    await mkdir(dirname(at), { recursive: true });
    await cp(await realpath(library), at);
  }
  await writeFile(join(base, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n");
  await writeFile(join(base, "etc/group"), "root:x:0:\ntty:x:5:\nuser:x:1000:\n");
  if (Bun.which("mkfs.erofs") === null) return { kind: "directory", path: base };
  const image = join(root, "base.erofs");
  const child = Bun.spawn(["mkfs.erofs", "--quiet", image, base], { stdout: "ignore", stderr: "ignore" });
  if ((await child.exited) !== 0) throw new Error("mkfs.erofs failed");
  return { kind: "erofs", path: image };
}
