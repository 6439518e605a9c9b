#!/usr/bin/env bash
# Builds what the benchmarks need, in .cache/, and prints the Python interpreter that they are run with.
#
# What this machine cannot have is said on stderr, and left out: the benchmarks say in their results what was missing.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd -- "$here/.." && pwd -P)
cache=$root/.cache/bench
python=${PYTHON:-python3}

has() { command -v "$1" >/dev/null; }

say() { echo "benchmarks: $1" >&2; }

# As in tests/peers/setup.sh: a folder named after what goes into it; its marker is written last.
install() { # kind, function; what goes into it on stdin
  folder=$cache/$1-$(cksum | tr ' ' -)
  if [[ ! -e $folder/.complete ]]; then
    say "installing in .cache/bench/${folder##*/} ..."
    rm -rf "$cache/$1-"*
    mkdir -p "$folder"
    "$2" >&2 && touch "$folder/.complete"
  fi
}

install_python() {
  "$python" -m venv "$folder" && "$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
    --requirement "$here/requirements.txt" --editable "$root[emulator]"
}

# Unpacked only: as an installed package it would be a service of this machine.
install_nginx() {
  if [[ $EUID == 0 ]]; then
    apt-get update -qq
  fi
  (cd "$folder" && apt-get download -qq nginx) && dpkg-deb -x "$folder"/nginx_*.deb "$folder" &&
    "$folder/usr/sbin/nginx" -v # where a library is missing, this fails
}

if ! has cc || ! echo '#include <openssl/evp.h>' | cc -E - >/dev/null 2>&1; then
  if has apt-get && [[ $EUID == 0 ]]; then
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev libssl-dev >&2
  else
    say "without cc and libssl-dev there are no limit programs"
  fi
fi
if ! has nginx; then
  if has apt-get; then
    (install nginx install_nginx < <(cat /etc/os-release)) || say "nginx cannot be had"
  else
    say "nginx is not installed, and it is taken from a package of Debian"
  fi
fi
for kind in skopeo go; do
  "$root/tests/peers/setup.sh" "$kind" >&2 || say "$kind cannot be had"
done
if ! (PATH=$PATH:/usr/local/go/bin && cd "$here/network/gomodule" && go mod download) >&2; then
  say "the Go module azcontainerregistry cannot be had"
fi
"$root/tests/registries/setup.sh" distribution >&2 || say "distribution cannot be had"

install python install_python < <("$python" -VV && cat "$here/requirements.txt" "$root/tests/peers/requirements.txt" \
  "$root/constraints.txt" "$root/pyproject.toml")
echo "$folder/bin/python"
