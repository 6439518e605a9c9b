"""The options of ./codegen.sh, which runs this file first: wrong usage is told before anything is installed."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Final, NoReturn

USAGE: Final = """\
Usage: ./codegen.sh [--check | --output DIR | --adopt FILE | --report FILE] [--spec FILE] [--package NAME] ...

Generates the package in generated/ from the description of the API in spec/. The same input gives the same bytes.

  --check            write nothing; fail, and print a diff, if spec/openapi.json or generated/ would change;
                     then run mypy --strict and pyright on the package
  --spec FILE        start from another description, in JSON or YAML of Swagger 2.0, such as a newer version of the
                     API or another form of this one; prints the report first
  --output DIR       write the package and openapi.json to DIR, and leave spec/ and generated/ alone
  --adopt FILE       make FILE the description in spec/: its facts with our texts, and spec/upstream.lock; then
                     generate, and run the type checkers. docs/new-version.md has the steps
  --from REPO@COMMIT:PATH
                     with --adopt: where upstream has FILE, for spec/upstream.lock
  --report FILE      write nothing; print what FILE changes: breaking, additive and text, with the Python names and
                     their users in acr/
  --base FILE        with --report or --spec: compare with this description, not with the one in spec/
  --json             print the report as JSON
  --fail-on breaking exit with 3 if the report has a breaking change
  --package NAME     name the package NAME, to have a second version beside acr_rest
  --help             print this

Its tools are pinned by digest in tools/codegen/requirements.txt, and installed in .cache/codegen/ when first needed.
Set PYTHON to use a Python (3.11 or newer) other than python3.

Exit codes: 0 done, 1 failed or out of date, 2 wrong usage, 3 a breaking change with --fail-on breaking.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        unknown = re.fullmatch(r"unrecognized arguments: (\S+).*", message)
        valued = re.fullmatch(r"argument (\S+): expected one argument", message)
        text = f"unknown option: {unknown[1]}" if unknown else f"{valued[1]} needs a value" if valued else message
        sys.stderr.write(f"codegen.sh: {text}; see --help\n")
        raise SystemExit(2)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the options; exit with 2 if they are wrong, after one line that says how."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--help", "-h", action="store_true")
    parser.add_argument("--check", action="store_true")
    for name in ("--spec", "--output", "--adopt", "--report", "--base"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--from", dest="origin", default="")
    parser.add_argument("--package", default="acr_rest")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--fail-on", choices=["breaking"])
    options = parser.parse_args(arguments)
    if options.help:
        sys.stdout.write(USAGE)
        raise SystemExit(0)
    modes = [name for name in ("check", "output", "adopt", "report") if getattr(options, name)]
    if len(modes) > 1:
        parser.error(f"--{modes[0]} does not go with --{modes[1]}")
    if options.spec and (options.adopt or options.report):
        parser.error("--spec does not go with --adopt or --report, which name the file themselves")
    if options.origin and not (options.adopt and re.fullmatch(r"[^@:\s]+@[0-9a-f]{7,40}:\S+", options.origin)):
        parser.error("--from is REPOSITORY@COMMIT:PATH, and goes with --adopt")
    if (options.json or options.fail_on or options.base) and not (options.spec or options.report):
        parser.error("--json, --fail-on and --base are about a report, which --report and --spec print")
    if not (options.package.isidentifier() and options.package.islower()):
        parser.error(f"--package {options.package} is no name of a package")
    for path in (options.spec, options.adopt, options.report, options.base):
        if path and not (path.exists() and not path.is_dir() and os.access(path, os.R_OK)):
            sys.stderr.write(f"codegen.sh: cannot read {path}\n")
            raise SystemExit(2)
    return options


if __name__ == "__main__":
    parse(sys.argv[1:])
