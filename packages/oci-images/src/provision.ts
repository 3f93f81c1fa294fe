/** What each family of distributions lacks for a template's base, as shell text that is run as root inside a sandbox of the image. */
import { createHash } from "node:crypto";
import type { Family } from "./types";

type Provision = {
  /** command that must be there → package that brings it */
  readonly wanted: Readonly<Record<string, string>>;
  /** `$missing` holds the packages. */
  readonly install: string;
  readonly clean: string;
};

const FAMILIES: Readonly<Record<Exclude<Family, "nixos">, Provision>> = {
  debian: {
    wanted: {
      bash: "bash",
      sudo: "sudo",
      curl: "curl",
      ss: "iproute2",
      pgrep: "procps",
      socat: "socat",
      "update-ca-certificates": "ca-certificates",
      useradd: "passwd",
    },
    install:
      "export DEBIAN_FRONTEND=noninteractive; apt-get -q update && apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confold install $missing",
    clean: "apt-get clean; rm -rf /var/lib/apt/lists/*; mkdir -p /var/lib/apt/lists/partial",
  },
  fedora: {
    wanted: {
      bash: "bash",
      sudo: "sudo",
      curl: "curl",
      ss: "iproute",
      pgrep: "procps-ng",
      socat: "socat",
      "update-ca-trust": "ca-certificates",
      useradd: "shadow-utils",
      find: "findutils",
      tar: "tar",
    },
    install:
      "installer=$(command -v dnf || command -v microdnf || command -v yum); $installer -y --setopt=install_weak_deps=0 install $missing",
    clean: "$(command -v dnf || command -v microdnf || command -v yum) clean all",
  },
  arch: {
    wanted: {
      bash: "bash",
      sudo: "sudo",
      curl: "curl",
      ss: "iproute2",
      pgrep: "procps-ng",
      socat: "socat",
      "update-ca-trust": "ca-certificates",
      useradd: "shadow",
    },
    install: "pacman -Sy --noconfirm --needed $missing",
    clean: "rm -rf /var/cache/pacman/pkg/* /var/lib/pacman/sync/*",
  },
  alpine: {
    wanted: {
      bash: "bash",
      sudo: "sudo",
      curl: "curl",
      ss: "iproute2",
      pgrep: "procps",
      socat: "socat",
      "update-ca-certificates": "ca-certificates",
      useradd: "shadow",
      chpasswd: "shadow",
      tar: "tar",
    },
    install: "apk add --no-cache $missing",
    clean: "true",
  },
};

/** Without these no step can be run; the others are missed when they are needed. */
const NEEDED = ["bash", "useradd"];

/** For `/bin/sh`. Exits other than 0 only when what every build needs cannot be had: an image for offline use may bring the rest itself. */
export function provisionScript(family: Family): string {
  if (family === "nixos") return needed;
  const { clean, install, wanted } = FAMILIES[family];
  const looks = Object.entries(wanted).map(
    ([command, name]) => `command -v ${command} >/dev/null 2>&1 || missing="$missing ${name}"`,
  );
  return `export PATH="\${PATH:-}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
missing=""
${looks.join("\n")}
if [ -n "$missing" ]; then
  echo "installing$missing"
  { ${install}; } || echo "could not install all of$missing" >&2
  { ${clean}; } >/dev/null 2>&1
fi
${needed}`;
}

const needed = `for name in ${NEEDED.join(" ")}; do
  if ! command -v "$name" >/dev/null 2>&1; then
    echo "the image has no $name, and it could not be installed" >&2
    exit 1
  fi
done
# A sandbox's own host name may not resolve: sudo must not wait for a name server because of that.
if [ -d /etc/sudoers.d ]; then
  echo 'Defaults !fqdn' >/etc/sudoers.d/no-fqdn
  chmod 0440 /etc/sudoers.d/no-fqdn
fi
exit 0
`;

/** Changes with every script. */
export const PROVISION_VERSION = createHash("sha256")
  .update(JSON.stringify((["debian", "fedora", "arch", "alpine", "nixos"] as const).map(provisionScript)))
  .digest("hex")
  .slice(0, 16);
