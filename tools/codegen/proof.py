"""Whether a generated package works: it is imported, and each operation is used once.

This takes a second, so it is done always. `types` asks the type checkers, which takes longer.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from .problems import Refused
from .samples import Samples, argument

if TYPE_CHECKING:
    from pathlib import Path

    from .operations import Operation
    from .plan import Plan


def prove(folder: Path, package: str, plan: Plan, operations: int) -> None:
    """Import each module, build each request, read each answer; raise Refused for the first that fails.

    Args:
        folder: What holds the package.
        package: Its name.
        plan: What it was written from.
        operations: How many operations went in.
    """
    written = [path for path in (folder / package / "api").rglob("*.py") if path.name != "__init__.py"]
    if not operations == len(plan.operations) == len(written):
        raise Refused("", f"{operations} operations went in, and {len(written)} came out: a fault of the generator")
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == package}
    for name in before:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    dont_write, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        _prove(package, plan, Samples(plan.form["schemas"]))
    finally:
        sys.dont_write_bytecode = dont_write
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]
        sys.modules.update(before)


def _prove(package: str, plan: Plan, samples: Samples) -> None:
    where = "the package"
    try:
        models = importlib.import_module(f"{package}.models")
        api = importlib.import_module(f"{package}.api")
        for name in ("source", "paging", "failures"):
            importlib.import_module(f"{package}.{name}")
        for name in [item.name for item in plan.models] + [item.name for item in plan.enums]:
            where = f"the model {name}"
            getattr(models, name)
        types_module = importlib.import_module(f"{package}.types")
        for operation in plan.operations:
            where = operation.route
            module = importlib.import_module(f"{package}.api.{operation.package}.{operation.module}")
            _expect(getattr(api, operation.module) is module, "another operation in the list")
            request = _build(module, models, operation, samples)
            _read(request, module, types_module, operation, samples)
    except Exception as error:  # whatever it is, the package must not be handed out
        problem = f"the generated code does not work ({type(error).__name__}: {error}), a fault of the generator"
        raise Refused("", f"{where}: {problem}") from error


def _build(module: Any, models: Any, operation: Operation, samples: Samples) -> Any:
    """Build the request with as few arguments as there may be, and with all, which is returned."""
    positional = [argument(item) for item in operation.of("path")]
    keywords = {item.python: argument(item) for item in operation.keywords}
    smallest = {item.python: keywords[item.python] for item in operation.keywords if not item.optional}
    body: dict[str, Any] = {}
    if operation.body and operation.body.what in ("document", "blob"):
        body = {"content": b"a"} | ({"content_type": "a/b"} if operation.body.what == "document" else {})
    elif operation.body and operation.body.what == "json":
        value = samples.json(operation.raw["body"]["content"][operation.body.media_type])
        kind = operation.body.kind
        body = {"body": getattr(models, kind.annotation).from_dict(value) if kind.what == "model" else value}
    required = body if operation.body and (operation.body.required or operation.body.what == "document") else {}
    for given in ({**smallest, **required}, {**keywords, **body}):
        request = module.build_request(*positional, **given)
        _expect(request.method == operation.method, "another method")
        _expect(request.target.startswith("/"), "a target without a slash")
        _expect(all(isinstance(value, str) for value in request.headers.values()), "a header that is no text")
        _expect(request.content is None or isinstance(request.content, bytes), "a body that is no bytes")
        _expect(not any("{" in scope for scope in request.scopes), "a scope with a name that it lacks")
    return request


def _read(request: Any, module: Any, types_module: Any, operation: Operation, samples: Samples) -> None:
    """Read an answer of each status, made from its schema: by the request, and by the module."""
    for answer in operation.answers:
        content = operation.raw["answers"][str(answer.status)].get("content", {})
        schema = next((schema for kind, schema in content.items() if "json" in kind), None)
        payload = b"" if schema is None else json.dumps(samples.json(schema)).encode()
        headers = dict.fromkeys(operation.headers, "1")
        result = request.parse(answer.status, headers, payload)
        _expect(result == module.parse(types_module.Response(answer.status, headers, payload)), "two readings")
        _expect(result.status == answer.status, "another status")
        _expect(all(getattr(result, name) is not None for name, _ in operation.headers.values()), "a header less")
        _expect(answer.json is None or payload == b"null" or result.body is not None, "no body")


def _expect(fact: bool, problem: str) -> None:
    if not fact:
        raise ValueError(problem)


def types(folder: Path, package: str) -> None:
    """Ask mypy --strict and pyright about the package; raise Refused with the first complaint."""
    commands = {
        "mypy --strict": ["mypy", "--strict", "--no-incremental", "--no-error-summary", "--config-file=", package],
        "pyright": ["pyright", "--pythonpath", sys.executable, package],
    }
    for name, (module, *arguments) in commands.items():
        run = subprocess.run(
            [sys.executable, "-m", module, *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
        if run.returncode != 0:
            lines = [line.strip() for line in (run.stdout + run.stderr).splitlines() if "error" in line]
            raise Refused("", f"{name} finds {len(lines)} errors in the generated code, first: {(lines or ['?'])[0]}")
