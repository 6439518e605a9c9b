"""A plan as files: the templates, and the formatter that the project pins."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from ruff import find_ruff_bin  # type: ignore[import-untyped]

from .operations import literal
from .problems import Refused

if TYPE_CHECKING:
    from .plan import Plan

_TEMPLATES: Final = Path(__file__).with_name("templates")
_WIDTH: Final = 92  # of a docstring's lines


def render(plan: Plan, package: str, source: dict[str, Any]) -> dict[str, str]:
    """The files of the package, by their paths in it."""
    env = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 (this is Python; `prose` and `literal` escape)
    )
    env.filters |= {"prose": partial(_prose, env), "literal": literal}
    env.globals |= {"plan": plan, "package": package, "source": source}

    def file(template: str, **values: Any) -> str:
        return env.get_template(f"{template}.py.jinja").render(**values)

    files = {
        "__init__.py": file("package_init"),
        "api/__init__.py": file("api_init"),
        "models/__init__.py": file("models_init"),
        "py.typed": "",
        "source.py": file("source"),
        "types.py": file("types"),
    }
    for name, operations in plan.packages.items():
        prefix = operations[0].id.partition("_")[0] if name != "default" else "anything else"
        files[f"api/{name}/__init__.py"] = file("api_package_init", prefix=prefix)
        for item in operations:
            files[f"api/{name}/{item.module}.py"] = file("operation", op=item)
    for model in plan.models:
        files[f"models/{model.module}.py"] = file("model", model=model)
    for enum in plan.enums:
        files[f"models/{enum.module}.py"] = file("enum", enum=enum)
    return files


def _prose(env: Environment, text: str, width: int = _WIDTH) -> str:
    """Text of a description, fit for a docstring: nothing in it ends the docstring, or escapes."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    plain = plain.replace("\\", "\\\\").replace('"""', "'''")
    if plain.endswith('"'):
        plain = plain[:-1] + '\\"'
    wrapped: str = env.call_filter("wordwrap", " ".join(plain.split(" ")), [width], {"break_long_words": False})
    return wrapped


def write(files: dict[str, str], folder: Path, *, tidy: bool = True) -> None:
    """Write the files, and format them if they are to be tidy."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    # --isolated: the same result whatever the project around it configures.
    common = ["--isolated", "--no-cache", "--quiet", "--line-length", "120", str(folder)]
    for arguments in () if not tidy else (["check", "--fix", "--select", "F401,I"], ["format"]):
        run = subprocess.run([find_ruff_bin(), *arguments, *common], capture_output=True, text=True, check=False)
        if run.returncode != 0:
            first = next(iter((run.stdout + run.stderr).splitlines()), "")
            raise Refused("", f"the generated code cannot be formatted, which is a fault of the generator: {first}")
