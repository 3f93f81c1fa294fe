/** The jailer's command line as data: our own description of what is published with 1.10. The fake jailer of the tests holds ours against it. */

type JailerFlag = {
  readonly required?: true;
  /** Without it the flag stands alone. */
  readonly value?: RegExp;
  /** May be given more than once. */
  readonly many?: true;
};

const JAILER_FLAGS: Readonly<Record<string, JailerFlag>> = {
  "--id": { required: true, value: /^[A-Za-z0-9-]{1,64}$/ },
  "--exec-file": { required: true, value: /^\/.*firecracker[^/]*$/ },
  "--uid": { required: true, value: /^\d+$/ },
  "--gid": { required: true, value: /^\d+$/ },
  "--chroot-base-dir": { value: /^\// },
  "--netns": { value: /^\// },
  "--cgroup": { value: /^[a-z0-9_]+(\.[a-z0-9_]+)+=.+$/, many: true },
  "--cgroup-version": { value: /^[12]$/ },
  "--parent-cgroup": { value: /^(?!\/)(?!.*\.\.).+$/ },
  "--resource-limit": { value: /^(fsize|no-file)=\d+$/, many: true },
  "--daemonize": {},
  "--new-pid-ns": {},
};

/** The flags of Firecracker itself that we use, after `--`. */
const FIRECRACKER_FLAGS: Readonly<Record<string, JailerFlag>> = {
  "--api-sock": { required: true, value: /^[^\0]{1,107}$/ },
  "--level": { value: /^(Off|Trace|Debug|Info|Warn|Warning|Error)$/ },
  "--log-path": { value: /./ },
  "--no-seccomp": {},
  "--seccomp-filter": { value: /./ },
  "--boot-timer": {},
};

/** Pure. @returns what is wrong with a jailer's command line (without its own name), nothing when it is right */
export function wrongsOfJailerLine(line: readonly string[]): string[] {
  const cut = line.indexOf("--");
  const own = cut < 0 ? line : line.slice(0, cut);
  const given = cut < 0 ? [] : line.slice(cut + 1);
  return [...wrongsOfFlags(JAILER_FLAGS, own), ...wrongsOfFlags(FIRECRACKER_FLAGS, given)];
}

function wrongsOfFlags(flags: Readonly<Record<string, JailerFlag>>, words: readonly string[]): string[] {
  const wrongs: string[] = [];
  const seen = new Set<string>();
  for (let at = 0; at < words.length; at += 1) {
    const name = words[at] ?? "";
    const flag = flags[name];
    if (flag === undefined) {
      wrongs.push(`${name} is not known`);
      continue;
    }
    if (seen.has(name) && flag.many !== true) wrongs.push(`${name} is given twice`);
    seen.add(name);
    if (flag.value === undefined) continue;
    at += 1;
    const value = words[at];
    if (value === undefined) wrongs.push(`${name} has no value`);
    else if (!flag.value.test(value)) wrongs.push(`${name} cannot be ${value}`);
  }
  for (const [name, flag] of Object.entries(flags))
    if (flag.required === true && !seen.has(name)) wrongs.push(`${name} is missing`);
  return wrongs;
}
