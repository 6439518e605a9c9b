#!/usr/bin/env bash
# Regenerates generated/ from spec/. See --help. What it does is in tools/codegen/; this installs the tools for it.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "codegen.sh: needs Python 3.11 or newer; set PYTHON to one" >&2
  exit 1
fi

"$python" "$root/tools/codegen/options.py" "$@" # ends the script if the options are wrong
for option in "$@"; do
  [[ $option != --help && $option != -h ]] || exit 0
done

# The folder is named after what goes into it, so a changed pin makes a new one. It is made beside its place and moved
# there whole: two runs at once do not meet, and one that is interrupted leaves nothing that looks finished.
cache=$root/.cache/codegen
tools=$cache/python-$({ "$python" -VV && cat "$root/tools/codegen/requirements.txt"; } | cksum | tr ' ' -)
if [[ ! -e $tools ]]; then
  echo "Installing the generator's tools in ${tools#"$root/"} ..." >&2
  mkdir -p "$cache"
  new=$(mktemp -d "$cache/new-XXXXXX")
  trap 'rm -rf "$new"' EXIT
  "$python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target "$new" \
    --requirement "$root/tools/codegen/requirements.txt" >&2
  mv -T "$new" "$tools" 2>/dev/null || mv "$new" "$tools"
  trap - EXIT
fi

export PYTHONPATH=$tools:$root/tools PYTHONSAFEPATH=1
# -S: the tools alone, and nothing that happens to be installed beside them.
exec "$python" -S -m codegen "$@"
