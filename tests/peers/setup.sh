#!/usr/bin/env bash
# Installs the clients that others wrote, which tests/peers/ runs against the emulator, and prints where they are.
#
#   setup.sh [python|node|go|skopeo]    one kind of them; without an argument, all that this machine can have
#
# Everything but skopeo, which is Debian's, goes to .cache/peers/. What is there already is left alone. The tests call
# this by themselves. Exit codes: 0 installed, 1 failed, 3 this machine cannot have it (stdout says why).
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
cache=$(cd -- "$here/../.." && pwd -P)/.cache/peers
PATH=$PATH:/usr/local/go/bin # where Go's own installation puts it

go_tools=(
  github.com/google/go-containerregistry/cmd/crane@v0.22.1
  oras.land/oras/cmd/oras@v1.3.6
  github.com/regclient/regclient/cmd/regctl@v0.11.7
  github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111
)
# The last state of the conformance suite before the four workflows became one program. It is a Go test.
go_workflows=github.com/opencontainers/distribution-spec/conformance@v0.0.0-20230516164017-7fcdf80f3c8b

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
    "$2" >&2
    touch "$folder/.complete"
  fi
  echo "$folder"
}

get_python() {
  has "${PYTHON:-python3}" || cannot "Python is not installed"
  install python install_python < <("${PYTHON:-python3}" -VV && cat "$here/requirements.txt")
}

install_python() {
  "${PYTHON:-python3}" -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt"
}

get_node() {
  has node && has npm || cannot "Node.js with npm is not installed"
  install node install_node <"$here/package-lock.json"
}

install_node() {
  cp "$here/package.json" "$here/package-lock.json" "$folder"
  (cd "$folder" && npm ci --loglevel error --no-audit --no-fund --ignore-scripts)
}

get_go() {
  has go || cannot "Go is not installed"
  install go install_go < <(go version && echo "${go_tools[@]}" "$go_workflows")
}

install_go() {
  export GOBIN=$folder GOPATH=$folder/path GOMODCACHE=$folder/path/pkg/mod GOCACHE=$folder/path/build GOFLAGS=-modcacherw
  local tool source
  for tool in "${go_tools[@]}"; do
    go install "$tool"
  done
  source=$(go mod download -json "$go_workflows" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  go test -C "$source" -c -o "$folder/workflows" .
  rm -rf "$folder/path" # sources and objects: more than a gigabyte
}

get_skopeo() {
  if ! has skopeo; then
    has apt-get && [[ $EUID == 0 ]] || cannot "skopeo is not installed, and only root on Debian can have it installed"
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends skopeo >&2
  fi
  type -P skopeo
}

case ${1-all} in
  python | node | go | skopeo) "get_$1" ;;
  all)
    for kind in python node go skopeo; do
      "${BASH_SOURCE[0]}" "$kind" || [[ $? == 3 ]] # a process of its own: after ||, a function is not stopped by set -e
    done
    ;;
  *)
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    exit 1
    ;;
esac
