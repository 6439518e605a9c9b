#!/usr/bin/env bash
# Installs the registries that others wrote, which tests/registries/ runs this client against, and prints where they are.
#
#   setup.sh [distribution|distribution3|zot]    one of them; without an argument, all that this machine can have
#
# They go to .cache/peers/, nothing is started. What is there already is left alone. The tests call this by themselves.
# Exit codes: 0 installed, 1 failed, 3 this machine cannot have it (stdout says why).
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
cache=$(cd -- "$here/../.." && pwd -P)/.cache/peers
PATH=$PATH:/usr/local/go/bin # where Go's own installation puts it

distribution3=github.com/distribution/distribution/v3/cmd/registry@v3.1.2
zot=zotregistry.dev/zot/v2/cmd/zot@v2.1.20 # without build tags: the distribution spec, and none of its extensions

cannot() {
  echo "$1"
  exit 3
}

has() { command -v "$1" >/dev/null; }

# A folder named after what goes into it, so that a changed pin makes a new one. The marker is written last: a folder
# without it is what an interrupted installation left behind.
install() { # kind, function; what goes into it on stdin
  folder=$cache/$1-$(cksum | tr ' ' -)
  if [[ ! -e $folder/.complete ]]; then
    echo "Installing in .cache/peers/${folder##*/} ..." >&2
    rm -rf "$cache/$1-"*
    mkdir -p "$folder"
    "$2"
    touch "$folder/.complete"
  fi
}

get_distribution() {
  if has docker-registry; then
    type -P docker-registry
    return
  fi
  has apt-get || cannot "docker-registry is not installed, and it is a package of Debian"
  install distribution install_distribution < <(cat /etc/os-release)
  echo "$folder/usr/bin/docker-registry"
}

# Unpacked only: as an installed package it would be a service of this machine.
install_distribution() {
  if [[ $EUID == 0 ]]; then
    apt-get update -qq >&2
  fi
  apt-cache show docker-registry >/dev/null 2>&1 || cannot "apt-get knows no docker-registry"
  (cd "$folder" && apt-get download -qq docker-registry >&2)
  dpkg-deb -x "$folder"/docker-registry_*.deb "$folder"
}

get_distribution3() { get_go distribution3 "$distribution3"; }

get_zot() { get_go zot "$zot"; }

get_go() { # kind, module
  has go || cannot "Go is not installed"
  module=$2
  install "$1" install_go < <(go version && echo "$module")
  module=${module%@*}
  echo "$folder/${module##*/}"
}

install_go() {
  export GOBIN=$folder GOPATH=$folder/path GOMODCACHE=$folder/path/pkg/mod GOCACHE=$folder/path/build GOFLAGS=-modcacherw
  local log
  if ! log=$(go install "$module" 2>&1); then
    echo "$log" >&2
    case $log in
      *"403 Forbidden"* | *"404 Not Found"* | *"410 Gone"*) cannot "the Go module proxy does not give $module" ;;
    esac
    exit 1
  fi
  rm -rf "$folder/path" # sources and objects: more than a gigabyte
}

case ${1-all} in
  distribution | distribution3 | zot) "get_$1" ;;
  all)
    for kind in distribution distribution3 zot; do
      "${BASH_SOURCE[0]}" "$kind" || [[ $? == 3 ]] # a process of its own: after ||, a function is not stopped by set -e
    done
    ;;
  *)
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    exit 1
    ;;
esac
