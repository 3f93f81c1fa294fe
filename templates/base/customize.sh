#!/bin/sh
# Turns a fresh Debian tree into the `base` template. mmdebstrap runs it as its last hook:
#   customize.sh ROOT, with NPM_DIR (an unpacked npm package) and APT_CONF (lines for apt inside, may be empty) set.
set -eu
root=$1

# The account that the stock clients use.
chroot "$root" groupadd --gid 1000 user
chroot "$root" useradd --uid 1000 --gid 1000 --create-home --shell /bin/bash user
echo 'user ALL=(ALL:ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/user"
chmod 0440 "$root/etc/sudoers.d/user"
# A sandbox's own host name may not resolve; sudo must not wait for a name server because of that.
echo 'Defaults !fqdn' >"$root/etc/sudoers.d/no-fqdn"
chmod 0440 "$root/etc/sudoers.d/no-fqdn"

# npm from its own package: Debian's pulls in some four hundred others.
mkdir -p "$root/usr/local/lib/node_modules" "$root/usr/local/bin"
cp -RL --no-preserve=ownership "$NPM_DIR" "$root/usr/local/lib/node_modules/npm"
rm -rf "$root/usr/local/lib/node_modules/npm/docs" "$root/usr/local/lib/node_modules/npm/man"
chmod -R a+rX "$root/usr/local/lib/node_modules/npm"
chmod a+x "$root"/usr/local/lib/node_modules/npm/bin/*-cli.js
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
printf 'prefix=/usr/local\nfund=false\naudit=false\nupdate-notifier=false\n' >"$root/usr/local/lib/node_modules/npm/npmrc"

# Each command of the clients is a login shell. bash knows who it is; asking `id` would cost it a third of its start.
sed -i 's/"$(id -u)"/"${EUID:-$(id -u)}"/' "$root/etc/profile"

# A sandbox is thrown away whole: pip may install into the system's tree.
rm -f "$root"/usr/lib/python3.*/EXTERNALLY-MANAGED

mkdir -p "$root/code" "$root/mnt" "$root/run" "$root/proc" "$root/sys" "$root/dev/pts" "$root/dev/shm"
chmod 0777 "$root/code"
# The user may become root without a password, so nothing is kept from it here; programs that write to /app or /data work.
chmod 1777 "$root" "$root/opt" "$root/mnt" "$root/srv"
find "$root/usr/local" -type d -exec chmod 0777 {} +

# Device nodes live in the layer: nothing of the host is mounted over them.
node() { rm -f "$root/dev/$1"; mknod -m 666 "$root/dev/$1" c "$2" "$3"; }
node null 1 3
node zero 1 5
node full 1 7
node random 1 8
node urandom 1 9
node tty 5 0
rm -rf "$root/dev/ptmx" "$root/dev/console"
ln -s pts/ptmx "$root/dev/ptmx"
for link in fd:/proc/self/fd stdin:/proc/self/fd/0 stdout:/proc/self/fd/1 stderr:/proc/self/fd/2; do
  rm -rf "$root/dev/${link%%:*}"
  ln -s "${link#*:}" "$root/dev/${link%%:*}"
done

# Nothing of the building host stays: names, resolvers, identity, apt's state and logs.
rm -f "$root/etc/resolv.conf" "$root/etc/hostname" "$root/etc/apt/apt.conf.d/99mmdebstrap"
echo 'nameserver 169.254.0.22' >"$root/etc/resolv.conf"
echo sandbox >"$root/etc/hostname"
printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
if [ -n "${APT_CONF:-}" ]; then printf '%s\n' "$APT_CONF" >"$root/etc/apt/apt.conf.d/80sandlot"; fi
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/*.log "$root"/var/log/apt/* "$root"/tmp/*
mkdir -p "$root/var/lib/apt/lists/partial" "$root/var/cache/apt/archives/partial"
rm -rf "$root"/usr/share/doc "$root"/usr/share/man "$root"/usr/share/info "$root"/usr/share/locale "$root"/usr/share/lintian
mkdir -p "$root/usr/share/man/man1" "$root/usr/share/doc"
echo 'LANG=C.UTF-8' >"$root/etc/default/locale"
