"""Say why a tag or a manifest goes or stays, step by step, from a plan. It asks no registry."""

from __future__ import annotations

import argparse
import re
from typing import Final

import acr
from acr.cli._context import Context, files_there
from acr.cli._exits import DONE, Usage
from acr.cli._output.rows import Column
from acr.cli._output.words import counted
from acr.cli._parsing import add_output, add_quiet

EXAMPLES = (
    "acr purge explain plan.json team/app:v1.0",
    "acr purge explain plan.json team/app:v1.0 team/app:latest -o json",
    "acr purge explain plan.json my.azurecr.io/team/app:v1.0 --fields reference,goes,rule -o csv",
)

_BEGINNING: Final = re.compile(r"(.+)@(sha256:[0-9a-f]{12,63}|sha512:[0-9a-f]{12,127})")

COLUMNS: Final = (
    Column("reference", "text", "the tag or manifest", 0),
    Column("goes", "boolean", "it goes", 1),
    Column("rule", "text", "the rule that decides in the end; null if none does", 1, null=True),
    Column("chain", "texts", "the reasons: each is explained by the next", 2),
)


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("plan", metavar="PLAN", help="the file that `acr purge plan --out` has written")
    parser.add_argument(
        "references",
        nargs="+",
        metavar="REF",
        help="[HOST/]REPO:TAG or [HOST/]REPO@DIGEST; the first 12 digits will do",
    )
    add_output(parser)
    add_quiet(parser)


def _whole(text: str, plan: acr.Plan) -> str:
    """A reference with the whole digest, of one with its beginning, as tables show it on a narrow terminal.

    Raises:
        Usage: several manifests of the plan begin so, or none.
    """
    begin = _BEGINNING.fullmatch(text)
    if begin is None:
        return text
    name, digest = begin[1], begin[2]
    repository = acr.Reference.parse(name).repository
    there = {line.digest for lines in (plan.deletions, plan.kept) for line in lines if line.repository == repository}
    found = sorted(one for one in there if one.startswith(digest))
    if len(found) != 1:
        many = counted(len(found), "manifest") if found else "no manifest"
        raise Usage(f"{text!r}: the plan has {many} of {repository} that begin so", hint="write the whole digest")
    return f"{name}@{found[0]}"


def run(context: Context) -> int:
    """Explain."""
    options = context.options
    plan = acr.load_plan(files_there([options.plan])[0])
    found = []
    for text in dict.fromkeys(options.references):
        asked = acr.Reference.parse(_whole(text, plan))
        if asked.registry not in (None, plan.registry):
            raise Usage(f"{text!r} is of another registry than the plan, which is for {plan.registry}")
        found.append(plan.explain(asked))
    if context.options.output in (None, "table") and not context.options.fields and not context.options.summary:
        for one in found:
            for depth, step in enumerate(one.chain):
                context.terminal.write(f"{'  ' * depth}{acr.printable(step)}\n")
        return DONE
    keys = [column.key for column in COLUMNS]
    rows = [{key: getattr(one, key) for key in keys} for one in found]
    context.print_rows(COLUMNS, rows, lambda row: f"{row['reference']}: {'goes' if row['goes'] else 'stays'}")
    return DONE
