#!/usr/bin/env bash
# Regenerates generated/ from spec/. See --help.
set -euo pipefail

usage() {
  cat <<'EOF'
Usage: ./codegen.sh [--check] [--spec FILE] [--output DIR]

Builds spec/openapi.json from spec/containerregistry.json and spec/overlay.yaml, and from that the
package in generated/. The same input gives the same bytes.

  --check        write nothing; fail, and print a diff, if spec/openapi.json or generated/ would change
  --spec FILE    start from another Swagger 2.0 file, such as a newer API version; first prints which
                 operations, parameters and schemas differ from spec/openapi.json
  --output DIR   write acr_rest/ and openapi.json to DIR, and leave spec/ and generated/ alone
  --help         print this

The tools are pinned in spec/requirements.txt and spec/package-lock.json, and installed in
.cache/codegen/ when first needed. Set PYTHON to use a Python (3.11 or newer) other than python3.

Exit codes: 0 done, 1 failed or out of date, 2 wrong usage.
EOF
}

fail() { # code, message
  echo "codegen.sh: $2" >&2
  exit "$1"
}

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
check='' spec='' output=''

while (($#)); do
  case $1 in
    --check) check=yes ;;
    --spec | --output)
      [[ -n ${2-} && $2 != -* ]] || fail 2 "$1 needs a value; see --help"
      printf -v "${1#--}" %s "$2"
      shift
      ;;
    --help | -h) usage && exit ;;
    *) fail 2 "unknown option: $1; see --help" ;;
  esac
  shift
done
[[ -z $check || -z $output ]] || fail 2 "--check writes nothing, so it goes without --output"
[[ -z $spec || (-r $spec && ! -d $spec) ]] || fail 2 "cannot read $spec"

# ---- Tools ---------------------------------------------------------------------------------------------

command -v node >/dev/null && command -v npm >/dev/null ||
  fail 1 "needs Node.js 18 or newer with npm, to convert Swagger 2.0; install both (https://nodejs.org) and run again"
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail 1 "needs Python 3.11 or newer; set PYTHON to one"

# Each folder is named after what went into it, so a changed pin makes a new one. The marker is written
# last: a folder without it is what an interrupted installation left behind.
cache=$root/.cache/codegen
mkdir -p "$cache"
key() { cksum | tr ' ' -; }

venv=$cache/python-$({ "$python" -VV && cat "$root/spec/requirements.txt"; } | key)
if [[ ! -e $venv/.complete ]]; then
  echo "Installing the generator in ${venv#"$root/"} ..." >&2
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$root/spec/requirements.txt"
  touch "$venv/.complete"
fi

node=$cache/node-$(key <"$root/spec/package-lock.json")
if [[ ! -e $node/.complete ]]; then
  echo "Installing the converter in ${node#"$root/"} ..." >&2
  rm -rf "$node"
  mkdir "$node"
  cp "$root/spec/package.json" "$root/spec/package-lock.json" "$node"
  (cd "$node" && npm ci --loglevel error --no-audit --no-fund --ignore-scripts >/dev/null)
  touch "$node/.complete"
fi

export PATH=$venv/bin:$PATH # the generator calls ruff by name

# ---- Build ---------------------------------------------------------------------------------------------

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/generated"

# A correction that matches nothing is an error, but for a file that this overlay was not written for.
strict=--strict
[[ -z $spec || -n $check ]] || strict=''
python "$root/spec/build.py" openapi "${spec:-$root/spec/containerregistry.json}" "$work/openapi.json" \
  --converter "$node/node_modules/.bin/swagger2openapi" $strict
[[ -z $spec ]] || python "$root/spec/build.py" diff "$root/spec/openapi.json" "$work/openapi.json"
python "$root/spec/generate.py" "$work/openapi.json" "$work/generated/acr_rest" >/dev/null

# ---- Compare, or write -----------------------------------------------------------------------------------

if [[ -n $check ]]; then
  same=yes
  (cd "$root" && diff -Nu spec/openapi.json "$work/openapi.json") || same=''
  (cd "$root" && diff -Nru --exclude=__pycache__ --exclude='.*_cache' generated "$work/generated") || same=''
  [[ -n $same ]] || fail 1 "the above differs from what spec/ gives; run ./codegen.sh and commit the result"
  exit
fi

replace() { # what, where
  mkdir -p "$(dirname -- "$2")"
  rm -rf "$2"
  mv "$1" "$2"
}

replace "$work/generated/acr_rest" "${output:-$root/generated}/acr_rest"
replace "$work/openapi.json" "${output:-$root/spec}/openapi.json"
if [[ -n $spec && -z $output ]]; then
  echo "To keep this, put $spec in the place of spec/containerregistry.json; until then --check fails." >&2
fi
