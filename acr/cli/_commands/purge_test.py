"""Try the examples of policies: tables named [[purge.example]] say what is to become of made-up tags.

It prints the examples that fail, and exits with 1 if there are any. A policy with a mistake is an error that names the
line. It asks no registry.
"""

from __future__ import annotations

import argparse
from typing import Final

import acr
from acr.cli._context import Context, files_there
from acr.cli._exits import DONE, FAILED
from acr.cli._output.rows import Column
from acr.cli._parsing import add_output, add_quiet

EXAMPLES = (
    "acr purge test policy.toml",
    "acr purge test policy.toml other.toml -o csv",
    "acr purge test policy.toml -o json",
)

COLUMNS: Final = (
    Column("item", "text", "the made-up tag or manifest", 0),
    Column("expected", "text", "what the example says: delete or keep", 1),
    Column("found", "text", "what the rules say", 1),
    Column("rule", "text", "the rule that decides; null if none does", 2, null=True),
    Column("policy", "text", "the file", 3),
    Column("line", "integer", "the line of the file", 1),
    Column("why", "text", "the reason", 2, wraps=True),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("policies", nargs="+", metavar="POLICY", help="files of rules in TOML")
    add_output(parser)
    add_quiet(parser)


def run(context: Context) -> int:
    """Try them."""
    keys = [column.key for column in COLUMNS if column.key != "policy"]
    rows = [
        {**{key: getattr(failure, key) for key in keys}, "policy": path}
        for path in files_there(context.options.policies)
        for failure in acr.load_policy(path).test()
    ]
    context.print_rows(COLUMNS, rows, lambda row: f"{row['policy']}:{row['line']}: {row['item']}")
    context.terminal.note(f"{len(rows)} failed" if rows else "no example fails")
    return FAILED if rows else DONE
