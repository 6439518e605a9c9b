"""Makes docs/cli.md and docs/cli.schema.json of the command line. `--check` fails if they are others.

python tools/cli_docs.py
python tools/cli_docs.py --check
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from acr.cli._commands import COMMANDS
from acr.cli._exits import MEANINGS
from acr.cli._parsing import module_of, parser_of
from tools.cli_schema import schema

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE, SCHEMA = DOCS / "cli.md", DOCS / "cli.schema.json"

BEGINNING = """# The command line

`pip install acr-client` installs the program `acr`. Its other name is `acr-client`: Microsoft's acr-cli is called
`acr`, too, so scripts use `acr-client`. `python -m acr` is the same. `acr --help` lists the commands, and `acr COMMAND
--help` shows options and examples. This page is made from the parser: `make cli-docs`.

## References

A reference is `[HOST/]REPO[:TAG|@DIGEST]`. Its first part is a host if it has a dot or a port, or is `localhost`,
unless you pass `--registry`. Without a host, the registry is the first of these that is set:

1. `--registry HOST`: a login server, a URL, or a short name (`my` is `my.azurecr.io`),
2. the variable `ACR_REGISTRY`,
3. `registry = "HOST"` in your config.

A command that reads takes `latest` if a reference has neither a tag nor a digest, and says so. `rm`, `untag`, `lock`,
`unlock` and `tag` refuse such a reference. A host on this machine is spoken to in plain http, unless you write
`https://HOST`.

Your config is the file that `ACR_CONFIG` names, or `~/.config/acr/config.toml`. It may have two keys: `registry`, and
`entra_hosts`, a list of hosts that get Entra tokens though they are not in a domain of Azure. No file of the working
folder counts.

## Credentials

The first of these that there is counts. `acr whoami` says which it is.

1. `--username` with `--password-stdin` or a question, or `--token-stdin`: for the one registry that the command names;
   a command that names two refuses them,
2. the variables `ACR_TOKEN`, or `ACR_USERNAME` and `ACR_PASSWORD`: for the registry of `ACR_REGISTRY` alone, or without
   that, for the registry of `--registry` or of your config,
3. what `acr login`, `docker login` or `az acr login` has stored in docker's config,
4. Entra (az login, managed identity and the like): for hosts in azurecr.io, azurecr.cn and azurecr.us, and for
   `entra_hosts`, over TLS,
5. none: anonymous.

## Output

Data goes to standard output, and all else to standard error. On a terminal a listing is a table, and in a pipe it is
one name a line. `-o` chooses `table`, `name`, `json`, `jsonl`, `csv` or `tsv`, and `--fields` the fields. The names of
the fields are those of the library; times are RFC 3339, sizes are bytes. In a pipe, a listing is written when it is
whole: if a page fails, nothing is written, and the exit code is 3. `--stream` writes at once. `--summary` appends a
table to the file that `GITHUB_STEP_SUMMARY` names. [cli.schema.json](cli.schema.json) is the schema of what each
command prints with `-o json`.

If a command changes something, the names in a pipe are those of what was done. What was left, because it was so already
or has changed meanwhile, is told on standard error in one line. If a terminal is too narrow for a reference, the tables
of these commands and of `purge plan` show the first 12 digits of its digest. A listing without items says so on a
terminal.

`show` and `tree` count the size of anything alike: bytes of its manifest, config and layers, and of an index those of
its platforms, too. What platforms share counts once, as in `du`, which adds what is attached. `tags` shows the size
that ACR counts.

What comes from a registry is never printed raw: control characters are escaped. `NO_COLOR` and `FORCE_COLOR` are
heeded. Progress shows on a terminal alone, and not if `CI` is set. With `-o json` or `-o jsonl` each line of standard
error is an object, too: `{"error": {"code": …, "message": …, "hint": …, "correlation_id": …}}`, `{"warning": …}`,
`{"note": …}`.

## Exit codes

| code | meaning |
|---|---|
"""


def page() -> str:
    """The text of the page."""
    lines = [f"| {code} | {meaning} |" for code, meaning in MEANINGS.items()]
    return BEGINNING + "\n".join(lines) + "\n" + "".join(f"\n{one}" for one in map(section, COMMANDS))


def section(name: str) -> str:
    """The section of a command."""
    command, parser = COMMANDS[name], parser_of(name)
    own = [action for action in parser._actions if action.help != argparse.SUPPRESS]  # noqa: SLF001 - has no other way
    usage = " ".join(_shown(action) for action in own if not action.option_strings)
    alias = f" Also `acr {command.alias}`." if command.alias else ""
    lines = [f"## acr {name}", "", f"`acr {name} [OPTIONS] {usage}`".replace(" `", "`"), ""]
    lines += [(parser.description or "").strip() + alias, "", "```console"]
    lines += [f"$ {example}" for example in module_of(command).EXAMPLES]
    lines += ["```", "", "| argument or option | what it does |", "|---|---|", *(_row(action) for action in own)]
    columns = getattr(module_of(command), "COLUMNS", ())
    if columns:
        lines += ["", "| field | kind | what it says |", "|---|---|---|"]
        lines += [f"| `{one.key}` | {one.kind} | {_cell(one.about)} |" for one in columns]
    return "\n".join(lines) + "\n"


def _shown(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest).upper() if action.metavar is None else str(action.metavar)
    return {"?": f"[{name}]", "*": f"[{name} …]", "+": f"{name} …"}.get(str(action.nargs), name)


def _row(action: argparse.Action) -> str:
    about = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
    if action.choices is not None:
        about += f" ({', '.join(map(str, action.choices))})"
    return f"| {', '.join(_names(action))} | {_cell(about)} |"


def _names(action: argparse.Action) -> Iterator[str]:
    if not action.option_strings:
        yield f"`{_cell(_shown(action))}`"
        return
    metavar = action.metavar if action.metavar is not None else action.dest.upper()
    value = "" if action.nargs == 0 else f" {' '.join(metavar) if isinstance(metavar, tuple) else metavar}"
    for name in action.option_strings:
        yield f"`{name}{_cell(value) if name.startswith('--') else ''}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Write the files, or check them."""
    code = 0
    for path, text in ((PAGE, page()), (SCHEMA, schema())):
        if sys.argv[1:] != ["--check"]:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{path.name} is not what the parser gives: run `make cli-docs`", file=sys.stderr)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
