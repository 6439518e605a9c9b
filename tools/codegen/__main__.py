"""The command that ./codegen.sh runs, with the tools that it has installed."""

from __future__ import annotations

import difflib
import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import options, proof, report
from .adopt import adopt
from .build import Build, build, describe_source
from .corrections import ALREADY, APPLIED, UNFIT, Outcome
from .problems import Refused
from .sources import Source

if TYPE_CHECKING:
    import argparse

ROOT: Final = Path(__file__).resolve().parents[2]
SPEC: Final = ROOT / "spec"
OURS: Final = SPEC / "containerregistry.json"
BREAKING: Final = 3


def main(arguments: list[str]) -> int:
    """Do what the options say; return the exit code."""
    wanted = options.parse(arguments)
    path = wanted.adopt or wanted.report or wanted.spec
    try:
        return _run(wanted, path)
    except Refused as refusal:
        print(f"error: {path or OURS.relative_to(ROOT)}: {refusal}", file=sys.stderr)
        return 1


def _run(wanted: argparse.Namespace, path: Path | None) -> int:
    built = _ours(wanted.package) if path is None else _theirs(path, wanted)
    if path is None and (stale := [outcome for outcome in built.outcomes if outcome.kind != APPLIED]):
        for outcome in stale:
            print(f"error: correction {_line(outcome)} {outcome.kind}", file=sys.stderr)
        return 1
    if path is None and built.unscoped:
        for route in built.unscoped:
            print(f"error: no correction at `{route} > scopes` says what a token must allow", file=sys.stderr)
        return 1
    code = _report(wanted, built) if wanted.report or wanted.spec else 0
    if wanted.report:
        return code
    with tempfile.TemporaryDirectory(prefix="codegen-") as folder:
        work = Path(folder)
        built.write(work)
        built.prove(work)
        if wanted.check and _differs(work, wanted.package):
            return 1
        if wanted.check or wanted.adopt:
            proof.types(work, wanted.package)
        if wanted.check:
            return 0
        if path is not None and wanted.adopt:
            adopt(SPEC, path, built)
        _place(work, wanted)
    return code


def _ours(package: str) -> Build:
    return build(SPEC, OURS.read_bytes(), package, origin=Source.load(SPEC / "upstream.lock"), bare=True)


def _theirs(path: Path, wanted: argparse.Namespace) -> Build:
    built = build(SPEC, path.read_bytes(), wanted.package, bare=bool(wanted.adopt))
    if wanted.origin:
        built = replace(built, source=built.source.found_at(wanted.origin))
    _tell(built)
    return built


def _report(wanted: argparse.Namespace, built: Build) -> int:
    base = build(SPEC, wanted.base.read_bytes(), wanted.package) if wanted.base else _ours(wanted.package)
    found = report.compare(base, built, ROOT / "acr")
    print(json.dumps(found.as_json(), indent=2) if wanted.json else found.as_text())
    return BREAKING if wanted.fail_on and found.breaking else 0


def _tell(built: Build) -> None:
    """Say on stderr what a run found out."""
    print(describe_source(built), file=sys.stderr)
    for note in built.notes:
        print(f"note: {note}", file=sys.stderr)
    for kind in (APPLIED, ALREADY, UNFIT):
        found = [outcome for outcome in built.outcomes if outcome.kind == kind]
        advice = {ALREADY: " (drop them here)", UNFIT: " (look at them)"}.get(kind, "")
        print(f"corrections {kind}: {len(found)}{advice if found else ''}", file=sys.stderr)
        for outcome in found if kind != APPLIED else ():
            print(f"  {_line(outcome)}", file=sys.stderr)


def _line(outcome: Outcome) -> str:
    return f"{outcome.correction.number}. {outcome} [{outcome.correction.seen}]"


def _differs(work: Path, package: str) -> bool:
    """Compare with the checkout; print a diff of what differs."""
    differs = False
    pairs = [(SPEC / name, work / name) for name in ("openapi.json", "upstream.lock")]
    old, new = ROOT / "generated" / package, work / package
    names = {path.relative_to(old) for path in old.rglob("*") if path.is_file()} | {
        path.relative_to(new) for path in new.rglob("*") if path.is_file()
    }
    stray = [path for path in (ROOT / "generated").iterdir() if path.is_file()]
    pairs += [(old / name, new / name) for name in sorted(names)] + [(path, work / path.name) for path in stray]
    for before, after in pairs:
        if "__pycache__" in before.parts or any(part.endswith("_cache") for part in before.parts):
            continue
        there, given = (
            path.read_text(encoding="utf-8").splitlines() if path.exists() else [] for path in (before, after)
        )
        if there != given or before.exists() != after.exists():
            differs = True
            name = before.relative_to(ROOT)
            print("\n".join(difflib.unified_diff(there, given, str(name), f"what spec/ gives: {name}", lineterm="")))
            if not before.exists() or not after.exists():
                print(f"{name} {'is missing' if after.exists() else 'is none of the generated files'}")
    if differs:
        print(
            "codegen.sh: the above differs from what spec/ gives; run ./codegen.sh and commit the result",
            file=sys.stderr,
        )
    return differs


def _place(work: Path, wanted: argparse.Namespace) -> None:
    """Put the result where it belongs, in the place of what is there."""
    target = wanted.output or ROOT / "generated"
    target.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target / wanted.package, ignore_errors=True)
    shutil.move(work / wanted.package, target / wanted.package)
    if wanted.output:
        shutil.move(work / "openapi.json", wanted.output / "openapi.json")
    elif wanted.package == "acr_rest" and not wanted.spec:
        for name in ("openapi.json", "upstream.lock"):
            shutil.move(work / name, SPEC / name)
    elif wanted.package == "acr_rest":
        print("To keep this, run ./codegen.sh --adopt with the same file; until then --check fails.", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
