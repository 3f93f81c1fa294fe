/**
 * What COPY does inside the machine, as root. Arguments: tar, source inside it, destination, user:group, octal mode or nothing,
 * working directory or nothing, current user.
 *
 * A file or link goes to the destination's exact path, or into it when that ends with a slash. Of a directory the contents are
 * merged: directories that are there keep what they are, files are replaced, a destination that is a link to a directory is
 * followed. GNU tar does the merge, since cp will not follow such links; where there is none, cp has to do.
 */
export const COPY_SCRIPT = `set -eu
tar=$1 src=$2 dest=$3 owner=$4 mode=$5 workdir=$6 user=$7
from=$(mktemp -d /tmp/.sandlot-copy.XXXXXX)
trap 'rm -rf "$from" "$tar"' EXIT
tar -xf "$tar" -C "$from"
case $dest in
  /*) ;;
  *) base=$workdir
     [ -n "$base" ] || base=$(eval "echo ~$user")
     [ "$dest" = . ] && dest=./
     dest=$base/$dest ;;
esac
source=$from/$src
[ -e "$source" ] || [ -L "$source" ] || { echo "'$src' is not among the uploaded files" >&2; exit 1; }
chown -R -h "$owner" "$from" 2>/dev/null || { name=\${owner%%:*}; chown -R -h "$name:$(id -gn "$name")" "$from"; }
if [ -n "$mode" ]; then
  if [ -d "$source" ] && [ ! -L "$source" ]; then find "$source" -mindepth 1 ! -type l -exec chmod "$mode" {} +
  elif [ ! -L "$source" ]; then chmod "$mode" "$source"; fi
fi
if [ -d "$source" ] && [ ! -L "$source" ] && [ ! -e "$dest" ] && [ ! -L "$dest" ]; then
  # Nothing to merge with: moving costs nothing.
  mkdir -p "$(dirname "$dest")"
  [ "$source" = "$from/." ] && source=$from
  [ "$source" != "$from" ] || [ -n "$mode" ] || chmod 0755 "$from"
  mv "$source" "\${dest%/}"
elif [ -d "$source" ] && [ ! -L "$source" ]; then
  [ -d "$dest" ] || made=yes
  mkdir -p "$dest"
  [ -z "\${made-}" ] || chown "$(stat -c %u:%g "$source")" "$dest"
  if tar --version 2>/dev/null | grep -q GNU; then
    tar -C "$source" -cf - . | tar -C "$dest" -xpf - --keep-directory-symlink --no-overwrite-dir --numeric-owner
  else
    cp -a "$source/." "$dest/"
  fi
else
  case $dest in */) mkdir -p "$dest"; dest=$dest$(basename "$source") ;; *) mkdir -p "$(dirname "$dest")" ;; esac
  if [ -d "$dest" ] && [ ! -L "$dest" ]; then dest=$dest/$(basename "$source"); fi
  rm -f "$dest"
  mv -f "$source" "$dest"
fi`;
