"""Mutation runs (`make mutate`): the code is changed in one place after the other, and some test has to fail each time.

It works on a copy in .cache/mutation. The report says for each subject how many mutants there were and which survived;
the exit status is 1 if one survived in a strict subject and is not explained in `subjects.CHANGES_NOTHING`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import attrs

from tests.mutation.subjects import CHANGES_NOTHING, EXCLUDED_OPERATORS, SUBJECTS, Subject

PROJECT: Final = Path(__file__).resolve().parent.parent.parent
COPY: Final = PROJECT / ".cache" / "mutation" / "copy"
BIN: Final = Path(sys.executable).parent


@attrs.frozen
class Mutant:
    """A change of the code, and what came of it.

    Args:
        subject: the name of its subject.
        name: as its tool calls it.
        survived: whether all tests passed with it.
        before: the line as it is; of survivors only.
        after: the line as it was changed to.
    """

    subject: str
    name: str
    survived: bool
    before: str = ""
    after: str = ""

    @property
    def reason(self) -> str | None:
        """Why it changes nothing, if that is known."""
        return CHANGES_NOTHING.get(self.after)


def run(*command: object) -> str:
    """Run a tool in the copy, and give what it printed."""
    settings = {**os.environ, "PYTHONPATH": str(COPY), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [str(part) for part in command], cwd=COPY, env=settings, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def copy() -> None:
    """Copy all files that git knows, as they are now."""
    shutil.rmtree(COPY, ignore_errors=True)
    known = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, known.split("\0")):
        if (PROJECT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, COPY / name)


def changed(diff: str) -> tuple[str, str]:
    """The lines of a diff that differ: as they were, and as they are."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    before, after = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return before, after


def by_mutmut(wanted: dict[str, Subject]) -> Iterator[Mutant]:
    """Mutate the bodies of functions."""
    run(BIN / "mutmut", "run", *(pattern for subject in wanted.values() for pattern in subject.functions))
    for line in run(BIN / "mutmut", "results", "--all", "true").splitlines():
        name, _, status = line.strip().rpartition(": ")
        subject = next((key for key, one in wanted.items() if any(fnmatch(name, p) for p in one.functions)), None)
        if subject is not None:
            survived = status in {"survived", "no tests"}
            yield Mutant(subject, name, survived, *(changed(run(BIN / "mutmut", "show", name)) if survived else ()))


def by_cosmic_ray(key: str, subject: Subject) -> Iterator[Mutant]:
    """Mutate all that is in some files, by simpler means."""
    config, session = COPY / f"{key}.toml", COPY / f"{key}.sqlite"
    config.write_text(
        f"""
[cosmic-ray]
module-path = {json.dumps(subject.files)}
timeout = 120.0
excluded-modules = []
test-command = "{sys.executable} -m pytest -x -q -p no:cacheprovider {" ".join(subject.tests)}"
distributor.name = "local"
filters.operators-filter.exclude-operators = {json.dumps(EXCLUDED_OPERATORS)}
""",
        encoding="utf-8",
    )
    run(BIN / "cosmic-ray", "baseline", config)
    run(BIN / "cosmic-ray", "init", config, session)
    run(BIN / "cr-filter-operators", session, config)
    run(BIN / "cosmic-ray", "exec", config, session)
    for line in run(BIN / "cosmic-ray", "dump", session).splitlines():
        item, result = json.loads(line)
        if result["worker_outcome"] != "skipped":
            survived = result["test_outcome"] == "survived"
            (mutation,) = item["mutations"]
            name = f"{mutation['module_path']}:{mutation['start_pos'][0]} {mutation['operator_name']}"
            yield Mutant(key, name, survived, *(changed(result["diff"]) if survived else ()))


def report(mutants: Iterable[Mutant]) -> bool:
    """Print what came of them, and say whether all is well."""
    found = list(mutants)
    counts = Counter((mutant.subject, mutant.survived) for mutant in found)
    print(f"{'subject':10} {'mutants':>8} {'killed':>8} {'survived':>9}")
    for key in dict.fromkeys(mutant.subject for mutant in found):
        killed, survived = counts[key, False], counts[key, True]
        print(f"{key:10} {killed + survived:>8} {killed:>8} {survived:>9}")
    for mutant in found:
        if mutant.survived:
            print(f"\n{mutant.name}\n  - {mutant.before}\n  + {mutant.after}")
            if mutant.reason:
                print(f"  changes nothing: {mutant.reason}")
    return not any(mutant.survived and not mutant.reason and SUBJECTS[mutant.subject].strict for mutant in found)


def main(names: list[str]) -> int:
    """Mutate the subjects that are named, or all of them."""
    wanted = {name: SUBJECTS[name] for name in names or SUBJECTS}
    copy()
    mutants = list(by_mutmut(wanted))
    for key, subject in wanted.items():
        if subject.files:
            mutants += by_cosmic_ray(key, subject)
    return 0 if report(mutants) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
