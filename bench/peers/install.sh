#!/usr/bin/env bash
# Puts current restic and borg into DIR/bin (default: bench/peers/.bin), from Debian's own archives: restic from sid, borg from
# bookworm-backports. The machine's own apt set-up is not touched.
set -euo pipefail
dir=${1:-$(cd "$(dirname "$0")" && pwd)/.bin}
mkdir -p "$dir/bin"

fetch() { # SUITE DIRECTORY PACKAGE
  local state
  state=$(mktemp -d)
  mkdir -p "$state"/{lists/partial,cache/archives/partial,parts} "$2"
  touch "$state/status"
  local mirror
  mirror=$(awk '/^URIs:/ {print $2; exit}' /etc/apt/sources.list.d/debian.sources)
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" >"$state/sources.list"
  local apt=(apt-get -qq -o "Dir::Etc::sourcelist=$state/sources.list" -o "Dir::Etc::sourceparts=$state/parts"
    -o "Dir::State::lists=$state/lists" -o "Dir::State::status=$state/status" -o "Dir::Cache=$state/cache"
    -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false)
  "${apt[@]}" update
  (cd "$state" && "${apt[@]}" download "$3")
  for deb in "$state"/*.deb; do dpkg -x "$deb" "$2"; done
  rm -rf "$state"
}

fetch sid "$dir/restic" restic
ln -sf "$dir/restic/usr/bin/restic" "$dir/bin/restic"
apt-get install -y -qq --no-install-recommends python3-msgpack python3-packaging zstd rsync time >/dev/null
fetch bookworm-backports "$dir/borg" borgbackup
cat >"$dir/bin/borg" <<W
#!/bin/sh
PYTHONPATH=$dir/borg/usr/lib/python3/dist-packages exec /usr/bin/python3 $dir/borg/usr/bin/borg "\$@"
W
chmod +x "$dir/bin/borg"
"$dir/bin/restic" version
"$dir/bin/borg" --version
