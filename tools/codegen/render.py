"""A plan as files: openapi-python-client renders our templates, and the formatter that the project pins follows."""

from __future__ import annotations

import contextlib
import io
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, StrictUndefined
from openapi_python_client import Project
from ruff import find_ruff_bin  # type: ignore[import-untyped]

from .operations import literal
from .parsing import config
from .problems import Refused

if TYPE_CHECKING:
    from .plan import Enum, Model, Plan

_TEMPLATES: Final = Path(__file__).with_name("templates")
_OURS: Final = ("failures.py", "paging.py", "redaction.py", "source.py")  # which openapi-python-client does not know
_WIDTH: Final = 92  # of a docstring's lines


def write(plan: Plan, folder: Path, package: str, source: dict[str, Any], *, tidy: bool = True) -> None:
    """Write the package into a folder, and format it if it is to be tidy."""
    target = folder / package
    project = Project(openapi=plan.parsed, config=config(target, {}, package), custom_template_path=_TEMPLATES)
    classes: list[Model | Enum] = [*plan.models, *plan.enums]
    described: dict[Any, Any] = {item.name: item for item in classes}
    described |= {(item.package, item.module): item for item in plan.operations}
    project.env.undefined = StrictUndefined
    project.env.filters |= {"prose": partial(_prose, project.env), "literal": literal}
    project.env.globals |= {
        "plan": plan,
        "source": source,
        "of_class": lambda prop: described[prop.class_info.name],
        "of_endpoint": lambda endpoint: described[endpoint.tags[0], endpoint.name],
    }
    with contextlib.redirect_stdout(io.StringIO()):  # it says where it writes to
        errors = project.build()
    if errors:
        raise Refused("", f"openapi-python-client cannot write the package: {errors[0].header} {errors[0].detail}")
    for path in target.rglob("*.py"):
        if path.stat().st_size == 0:
            path.unlink()  # we have no such module: its template is empty
    for name in _OURS:
        (target / name).write_text(project.env.get_template(f"{name}.jinja").render(), encoding="utf-8")
    (target / "py.typed").touch()
    if tidy:
        _tidy(target)


def _prose(env: Environment, text: str, width: int = _WIDTH) -> str:
    """Text of a description, fit for a docstring: nothing in it ends the docstring, or escapes."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    plain = plain.replace("\\", "\\\\").replace('"""', "'''")
    if plain.endswith('"'):
        plain = plain[:-1] + '\\"'
    wrapped: str = env.call_filter("wordwrap", " ".join(plain.split(" ")), [width], {"break_long_words": False})
    return wrapped


def _tidy(folder: Path) -> None:
    # --isolated: the same result whatever the project around it configures.
    common = ["--isolated", "--no-cache", "--quiet", "--line-length", "120", str(folder)]
    for arguments in (["check", "--fix", "--select", "F401,I"], ["format"]):
        run = subprocess.run([find_ruff_bin(), *arguments, *common], capture_output=True, text=True, check=False)
        if run.returncode != 0:
            first = next(iter((run.stdout + run.stderr).splitlines()), "")
            raise Refused("", f"the generated code cannot be formatted, which is a fault of the generator: {first}")
