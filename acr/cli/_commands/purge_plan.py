"""Decide what a policy would delete, and why. It deletes nothing: `acr purge apply` carries the plan out.

The policy is a file of rules in TOML. The plan keeps whatever something kept needs: platforms, attachments, signatures;
and whatever is locked, younger than an hour, or in doubt. It reads each manifest once and keeps it in a cache, so the
next time is quick. --out keeps the plan, for review and for `acr purge apply`. --kept prints what stays instead.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable
from typing import Final

import acr
from acr.cli import _filters
from acr.cli._context import Context, files_there, path_arguments
from acr.cli._errors import as_command
from acr.cli._exits import DONE, FINDINGS
from acr.cli._inventories import add_reading, picture
from acr.cli._output.rows import Column, Row
from acr.cli._output.words import with_short_digests
from acr.cli._parsing import add_common, add_output
from acr.cli._unfinished import keep_unfinished

EXAMPLES = (
    "acr purge plan policy.toml",
    "acr purge plan policy.toml my.azurecr.io/team/ --out plan.json",
    "acr purge plan policy.toml --kept --protect team/app:v1.0 -o json",
)


def _reason(row: Row) -> str:
    """The reason in a table: with the rule, and with the beginnings of digests."""
    text = " ".join(part for part in (row["why"], row["via"]) if part)
    text += "; all of its tags go" if row.get("loses_tags") else ""
    text += "; it is locked: `purge apply --unlock` has to name it" if row.get("unlocks") else ""
    return with_short_digests(f"{row['rule']}: {text}" if row["rule"] else text)


COLUMNS: Final = (
    Column("reference", "text", "the tag or manifest, as a command takes it", 0, shortens=True),
    Column("frees", "size", "bytes that its deletion frees, after those before it; of what goes", 1, optional=True),
    Column("reason", "text", "why, with the rule or with what it follows from", 1, _reason, wraps=True),
    Column("unlocks", "boolean", "it is locked, and goes if `purge apply --unlock` names it; of what goes",
           optional=True),
    Column("rule", "text", "the rule that decides; null if none does", null=True),
    Column("loses_tags", "boolean", "all of its tags go, so a retention policy may take it; of what stays",
           optional=True),
    Column("kind", "text", "tag or manifest"),
    Column("repository", "text", "name of the repository"),
    Column("name", "text", "name of the tag; null for a manifest", null=True),
    Column("digest", "text", "digest of the manifest"),
    Column("media_type", "text", "type of the manifest; null for a tag", null=True),
    Column("updated", "time", "when it was pushed or moved", null=True),
    Column("why", "text", "why, without what it follows from"),
    Column("via", "text", "the tag or digest that it follows from; null if it goes or stays for itself", null=True),
)  # fmt: skip
_FEW: Final = 20
"""Lines of which the one with the shortest name is an example."""

_OF_GOING: Final = ("frees", "unlocks")
_OF_STAYING: Final = ("loses_tags",)


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("policy", metavar="POLICY", help="a file of rules in TOML; docs/cleanup.md has the keys")
    add_reading(parser)
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="keep the plan in a file, which is replaced; a plan that did not come to its end is renamed",
    )
    parser.add_argument("--kept", action="store_true", help="print what stays, in place of what goes")
    parser.add_argument(
        "--protect", action="append", default=[], metavar="REF",
        help="keep this, too, whatever the policy says; may be repeated",
    )  # fmt: skip
    parser.add_argument("--exit-code", action="store_true", help="exit with 4 if something would go")
    group = parser.add_argument_group("filters")
    group.add_argument("--limit", type=_filters.count, metavar="N", help="print the first N of them")
    add_output(parser)
    add_common(parser)


def run(context: Context) -> int:
    """Plan."""
    options = context.options
    path_arguments([] if options.out is None else [options.out])
    path = files_there([options.policy])[0]
    policy = acr.load_policy(path)  # a mistake in it is told before anything is read
    found = picture(context)
    plan = policy.plan(found.inventory, protect=options.protect)
    if options.out is not None:
        _save(context, plan)
    say(context, plan)
    unwanted = _OF_GOING if options.kept else _OF_STAYING
    rows = _rows(plan.kept if options.kept else plan.deletions, found.prefix)
    context.print_rows(
        [column for column in COLUMNS if column.key not in unwanted],
        _filters.limited(rows, options.limit),
        lambda row: str(row["reference"]),
    )
    if options.out is not None:
        _say_what_is_next(context, plan)
    return FINDINGS if plan.deletions and options.exit_code else DONE


def _save(context: Context, plan: acr.Plan) -> None:
    out = context.options.out
    kept = keep_unfinished(out)
    acr.save_plan(plan, out)
    if kept is not None:
        context.terminal.warn(f"the plan that {out} had did not come to its end, and is kept in {kept}")


def _say_what_is_next(context: Context, plan: acr.Plan) -> None:
    out = shlex.quote(context.options.out)
    names = [line.reference for line in (plan.deletions or plan.kept)[:_FEW]]
    if names:
        context.terminal.note(f"`acr purge explain {out} {min(names, key=len)}` says why it goes or stays")
    if plan.deletions:
        registry = "" if context.names.is_default(plan.registry) else f" --registry {plan.registry}"
        unlock = "".join(f" --unlock {reference}" for reference in plan.unlocks)
        context.terminal.note(f"`acr purge apply {out}{registry}{unlock}` carries it out")


def say(context: Context, plan: acr.Plan) -> None:
    """Say what a plan says of itself: how much goes, and what its reader should know."""
    lines = plan.summary.split("\n")
    for number, line in enumerate(lines[:1] if context.terminal.as_json else lines):
        context.terminal.note(line, dim=False, wraps=number == 0)  # the others are tables
    for text in plan.warnings:
        context.terminal.warn(as_command(text))
    for text in plan.stops:
        context.terminal.warn(f"it exceeds a limit, so it cannot be carried out: {text}")


def _rows(lines: Iterable[acr.Deletion | acr.Kept], prefix: str) -> Iterable[Row]:
    keys = [column.key for column in COLUMNS]
    for line in lines:
        row = {key: getattr(line, key) for key in keys if hasattr(line, key)}
        yield {**row, "reference": f"{prefix}{line.reference}"}
