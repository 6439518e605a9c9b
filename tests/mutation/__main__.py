"""Mutation runs (`make mutate`): the code is changed in one place after the other, and some test has to fail each time.

Each subject has a copy of the project of its own, in .cache/mutation. Its tests must pass there before anything is
changed. The exit status is 1 if a mutant survived in a strict subject and `subjects.EXPLAINED` does not say why.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import attrs

from tests.mutation.operators import PLAIN
from tests.mutation.subjects import EXCLUDED_OPERATORS, EXPLAINED, SUBJECTS, Explained, Subject

PROJECT: Final = Path(__file__).resolve().parent.parent.parent
COPIES: Final = PROJECT / ".cache" / "mutation"
BIN: Final = Path(sys.executable).parent

KILLED: Final = "killed"
TIMED_OUT: Final = "timed out"
SURVIVED: Final = "survived"


@attrs.frozen
class Mutant:
    """A change of the code, and what came of it.

    Args:
        subject: the name of its subject.
        tool: who made it.
        file: which file was changed.
        name: as its tool calls it.
        outcome: `killed`, `timed out` or `survived`.
        before: the line as it is; of survivors only.
        after: the line as it was changed to.
    """

    subject: str
    tool: str
    file: str
    name: str
    outcome: str
    before: str = ""
    after: str = ""

    @property
    def explained(self) -> Explained | None:
        """Why it survives, if that is known."""
        return next((one for one in EXPLAINED if (one.file, one.after) == (self.file, self.after)), None)


@attrs.frozen
class Copy:
    """A copy of the project, in which the tools may change what they like.

    Args:
        key: the name of the subject.
        subject: what is mutated in it.
    """

    key: str
    subject: Subject

    @property
    def path(self) -> Path:
        """Where it is."""
        return COPIES / self.key

    def make(self) -> None:
        """Copy all files that git knows, as they are now, and set the tools up."""
        shutil.rmtree(self.path, ignore_errors=True)
        for name in filter(
            None, _output("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        ):
            if (PROJECT / name).is_file():
                (self.path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / name, self.path / name)
        files = {module_of(pattern).replace(".", "/") for pattern in self.subject.functions}
        with (self.path / "pyproject.toml").open("a", encoding="utf-8") as config:
            config.write(
                f"""
[tool.mutmut]
source_paths = ["acr"]
only_mutate = {json.dumps(sorted(f"{file}.py" for file in files))}
also_copy = ["generated", "spec", "docs", "examples"]
pytest_add_cli_args = ["-p", "no:cacheprovider"]
timeout_constant = 5.0
timeout_multiplier = 5.0
pytest_add_cli_args_test_selection = {json.dumps(self.subject.tests)}
"""
            )
        # An installed package is how cosmic-ray finds operators. So the copy looks like one.
        package = self.path / "mutation-0.dist-info"
        package.mkdir()
        (package / "METADATA").write_text("Metadata-Version: 2.1\nName: mutation\nVersion: 0\n", encoding="utf-8")
        (package / "entry_points.txt").write_text(
            "[cosmic_ray.operator_providers]\nhouse = tests.mutation.operators:Operators\n", encoding="utf-8"
        )

    def run(self, *command: object) -> str:
        """Run a tool in it, and give what it printed."""
        settings = {**os.environ, "PYTHONPATH": str(self.path), "PYTHONDONTWRITEBYTECODE": "1"}
        return _output(*command, cwd=self.path, env=settings)

    def by_mutmut(self) -> Iterator[Mutant]:
        """Mutate the bodies of functions."""
        self.run(BIN / "mutmut", "run", *self.subject.functions)
        unmet = set(self.subject.functions)
        for line in self.run(BIN / "mutmut", "results", "--all", "true").splitlines():
            name, _, status = line.strip().rpartition(": ")
            patterns = {pattern for pattern in self.subject.functions if fnmatch(name, pattern)}
            unmet -= patterns
            if patterns:
                outcome = {"killed": KILLED, "timeout": TIMED_OUT}.get(status, SURVIVED)
                lines = changed(self.run(BIN / "mutmut", "show", name)) if outcome == SURVIVED else ()
                file = module_of(name).replace(".", "/") + ".py"
                yield Mutant(self.key, "mutmut", file, name, outcome, *lines)
        if unmet:
            sys.exit(f"{self.key}: no function is meant by {', '.join(sorted(unmet))}")

    def by_cosmic_ray(self) -> Iterator[Mutant]:
        """Mutate all that is in some files, and some functions of others, by simpler means."""
        tests = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *self.subject.file_tests]
        self.run(*tests)
        config, session = self.path / "cosmic-ray.toml", self.path / "cosmic-ray.sqlite"
        config.write_text(
            f"""
[cosmic-ray]
module-path = {json.dumps([*self.subject.files, *self.functions_by_file])}
timeout = 180.0
excluded-modules = []
test-command = "{" ".join(tests)}"
distributor.name = "local"
filters.operators-filter.exclude-operators = {json.dumps(EXCLUDED_OPERATORS)}
""",
            encoding="utf-8",
        )
        self.run(BIN / "cosmic-ray", "init", config, session)
        self.run(BIN / "cr-filter-operators", session, config)
        self._leave_out_the_rest(session)
        self.run(BIN / "cosmic-ray", "exec", config, session)
        for line in self.run(BIN / "cosmic-ray", "dump", session).splitlines():
            item, result = json.loads(line)
            if result["worker_outcome"] != "skipped":
                is_late = result["output"] == "timeout"
                killed = TIMED_OUT if is_late else KILLED
                outcome = killed if result["test_outcome"] == "killed" else SURVIVED
                (mutation,) = item["mutations"]
                name = f"{mutation['module_path']}:{mutation['start_pos'][0]} {mutation['operator_name']}"
                lines = changed(result["diff"] or "") if outcome == SURVIVED else ()
                yield Mutant(self.key, "cosmic-ray", mutation["module_path"], name, outcome, *lines)

    @property
    def functions_by_file(self) -> dict[str, set[str]]:
        """The functions that are decorated, by their files."""
        found: dict[str, set[str]] = {}
        for one in self.subject.decorated:
            file, _, function = one.partition("::")
            found.setdefault(file, set()).add(function)
        return found

    def _leave_out_the_rest(self, session: Path) -> None:
        """Take out of a session of cosmic-ray what is not asked for.

        That is, in whole files, the bodies of the functions that mutmut changes in more ways; and in the files of some
        functions, all but these.
        """
        asked = self.functions_by_file
        with closing(sqlite3.connect(session)) as database, database:
            for file in [*self.subject.files, *asked]:
                source = (self.path / file).read_text(encoding="utf-8")
                if file in asked:
                    wanted = {line for first, last in functions(source, asked[file]) for line in range(first, last + 1)}
                    rest = set(range(1, source.count("\n") + 2)) - wanted
                else:
                    rest = {line for first, last in bodies(source) for line in range(first, last + 1)}
                for table in ("work_results", "work_items", "mutation_specs"):
                    database.executemany(
                        f"DELETE FROM {table} WHERE job_id IN (SELECT job_id FROM mutation_specs"  # noqa: S608
                        " WHERE module_path = ? AND start_pos_row = ?)",
                        [(file, line) for line in rest],
                    )


def bodies(source: str) -> Iterator[tuple[int, int]]:
    r"""The first and the last line of each function that mutmut changes.

    >>> list(bodies("X = 1\ndef f():\n  return 1\n@property\ndef g(self):\n  return 2\n"))
    [(3, 3)]
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = {ast.unparse(one) for one in node.decorator_list}
            if decorators <= PLAIN:
                yield node.body[0].lineno, node.end_lineno or node.body[-1].lineno


def functions(source: str, names: Collection[str]) -> list[tuple[int, int]]:
    r"""The first and the last line of the bodies of some functions.

    >>> functions("@one_call\ndef f():\n  return 1\ndef g():\n  return 2\n", {"f"})
    [(3, 3)]
    """
    found = {
        node.name: (node.body[0].lineno, node.end_lineno or node.body[-1].lineno)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in names
    }
    if unmet := set(names) - set(found):
        sys.exit(f"no function is meant by {', '.join(sorted(unmet))}")
    return list(found.values())


def _output(*command: object, cwd: Path = PROJECT, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{done.stdout[-5000:]}\n{' '.join(map(str, command))} failed with {done.returncode}")
    return done.stdout


def module_of(name: str) -> str:
    """The module of a mutant of mutmut, or of a pattern of such names.

    >>> module_of("acr._values.digest.*"), module_of("acr._core.*.x_delete__*")
    ('acr._values.digest', 'acr._core.*')
    """
    module, has_function, _ = name.partition(".x")
    return module if has_function else module.removesuffix(".*")


def changed(diff: str) -> tuple[str, str]:
    """The lines of a diff that differ: as they were, and as they are."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    before, after = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return before, after


def report(found: Sequence[Mutant]) -> bool:
    """Print what came of the mutants, and say whether all is well."""
    columns = (KILLED, TIMED_OUT, SURVIVED)
    counts = Counter((mutant.subject, mutant.tool, mutant.outcome) for mutant in found)
    explained = Counter(
        (mutant.subject, mutant.tool) for mutant in found if mutant.outcome == SURVIVED and mutant.explained
    )
    survivors = [mutant for mutant in found if mutant.outcome == SURVIVED]
    for mutant in survivors:
        print(f"{mutant.name}\n  - {mutant.before}\n  + {mutant.after}")
        print(f"  {mutant.explained.reason}\n" if mutant.explained else "  NOT EXPLAINED\n")
    print(f"{'subject':10} {'tool':10}", *(f"{text:>10}" for text in ("mutants", *columns, "explained")))
    for subject, tool in dict.fromkeys((mutant.subject, mutant.tool) for mutant in found):
        numbers = [counts[subject, tool, column] for column in columns]
        print(f"{subject:10} {tool:10}", *(f"{n:>10}" for n in (sum(numbers), *numbers, explained[subject, tool])))
    files = {mutant.file for mutant in found}
    met = {mutant.explained for mutant in survivors}
    for one in EXPLAINED:
        if one.file in files and one not in met:
            print(f"explained, but it did not survive: {one.file}: {one.after}")
    return not any(SUBJECTS[mutant.subject].strict and not mutant.explained for mutant in survivors)


def main(names: list[str]) -> int:
    """Mutate the subjects that are named, or all of them."""
    found: list[Mutant] = []
    for key in names or SUBJECTS:
        copy = Copy(key, SUBJECTS[key])
        copy.make()
        found += [*copy.by_mutmut(), *copy.by_cosmic_ray()]
    return 0 if report(found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
