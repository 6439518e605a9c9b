"""Find out why a registry cannot be used.

It looks at DNS, TLS, the proxy, the registry's challenge, your credential, what it grants, the catalog, the host that
blobs come from, the clock, and the rate limits, and says what to do about each. It changes nothing. With --repository
it also pulls one byte of a blob.
"""

from __future__ import annotations

import argparse
import json
from typing import Final

import acr
from acr.cli._checks import Check, examine
from acr.cli._commands.login import host_of
from acr.cli._context import Context
from acr.cli._exits import DONE, FAILED, FINDINGS
from acr.cli._output.rows import Column
from acr.cli._output.terminal import RED, YELLOW
from acr.cli._parsing import add_common, add_output

EXAMPLES = (
    "acr doctor",
    "acr doctor my.azurecr.io --repository team/app",
    "acr doctor my.azurecr.io -o json --exit-code",
)

COLUMNS: Final = (
    Column("check", "text", "what was looked at", 0),
    Column("status", "text", "ok, warning, failed, or skipped", 1),
    Column("found", "text", "what was found", 1),
    Column("cure", "text", "what to do about it; null if nothing", 2, null=True),
)

_COLOURS: Final = {"failed": RED, "warning": YELLOW}


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("host", nargs="?", metavar="HOST", help="the registry; the default is that of --registry")
    parser.add_argument("--repository", metavar="REPO", help="also look at the rights there, and at where blobs are")
    parser.add_argument("--exit-code", action="store_true", help="exit with 4 if there are warnings")
    add_output(parser, summary=False)
    add_common(parser)


def run(context: Context) -> int:
    """Look."""
    host = host_of(context)
    found: list[Check] = []
    text_wanted = context.options.output in (None, "table") and not context.options.fields
    for check in examine(context, host):
        found.append(check)
        if text_wanted:
            _print(context, check)
    if not text_wanted:
        rows = [check._asdict() for check in found]
        if context.options.output == "json" and not context.options.fields:
            context.terminal.write(json.dumps({"registry": host, "checks": rows}, indent=2) + "\n")
        else:
            context.print_rows(COLUMNS, rows, lambda row: f"{row['check']}: {row['status']}")
    statuses = {check.status for check in found}
    if "failed" in statuses:
        return FAILED
    return FINDINGS if "warning" in statuses and context.options.exit_code else DONE


def _print(context: Context, check: Check) -> None:
    status = context.terminal.style(check.status, _COLOURS[check.status]) if check.status in _COLOURS else check.status
    context.terminal.write(f"{acr.printable(check.check)}: {status}, {acr.printable(check.found)}\n")
    if check.cure is not None:
        context.terminal.write(f"  cure: {acr.printable(check.cure)}\n")
    context.terminal.flush()
