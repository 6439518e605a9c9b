"""What the documents show works: every Python example is run, every command exists, every link leads somewhere."""

from __future__ import annotations

import ast
import asyncio
import inspect
import io
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import acr
from acr.emulator import Emulator
from tests.content import bytes_of
from tests.upkeep import SBOM, assert_whole, everything_in, push_image, push_nested, push_release

PROJECT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", PROJECT / "CHANGELOG.md", *PROJECT.glob("docs/*.md")]
EXAMPLES = [
    pytest.param(block, id=f"{document.name}-{number}")
    for document in DOCUMENTS
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", document.read_text(), re.DOTALL), 1)
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs_as_it_stands(
    example: str, acr_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the registry's name and the credential are put in the place of those that readers have."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("ACR_USER", acr_emulator.username)
    monkeypatch.setenv("ACR_PASSWORD", acr_emulator.password)
    for name in ("model.onnx", "sbom.json"):
        (tmp_path / name).write_bytes(bytes_of(1000))
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        registry.repository("team/app").push_artifact(["model.onnx"], tag="v1")
    run_example(example, acr_emulator)


def run_example(example: str, emulator: Emulator) -> None:
    code = example.replace('"my.azurecr.io"', repr(emulator.url))
    code = code.replace('"https://my.azurecr.io"', repr(emulator.url))
    code = code.replace("default_credential()", "_credential")
    namespace = {"_credential": emulator.credential(), "__name__": "example"}
    exec(compile(code, "example", "exec"), namespace)  # noqa: S102 - our own documents
    for name, test in namespace.items():
        if name.startswith("test_"):
            test(emulator)  # type: ignore[operator]


DESTRUCTIVE = re.compile(r"\.(?:delete|purge)\(")


def test_some_example_deletes() -> None:
    assert [example.id for example in EXAMPLES if DESTRUCTIVE.search(str(example.values[0]))]


@pytest.mark.parametrize("example", [one for one in EXAMPLES if DESTRUCTIVE.search(str(one.values[0]))])
def test_an_example_that_deletes_does_no_harm(
    example: str, acr_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All manifests are left, and all tags but those that the example deletes by name."""
    monkeypatch.chdir(tmp_path)
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        app = registry.repository("team/app")
        shared = push_image(app, "shared")
        roots = [push_release(app, tag, fallback=True) for tag in ("v0", "v1", "v2")]
        push_nested(app, "nested", shared)
        push_nested(app, "nested-too", shared)
        untagged = push_image(app, "untagged").digest
        app.push_artifact([], tag="sbom-of-it", artifact_type=SBOM, subject=untagged)
        app.tag("v2").update(can_delete=False)
        tags, manifests = everything_in(app)
        run_example(example, acr_emulator)
        named = set(re.findall(r"\.tag\(\"(.+?)\"\)\.delete\(\)", example))
        left, unharmed = everything_in(app)
        assert unharmed == manifests
        assert tags - named <= left  # an example may have started an emulator of its own
        for root in roots:
            assert_whole(app, root.digest)
        for reference in (*left, *unharmed):
            app.pull(reference, acr.Memory())


def test_the_examples_are_clean_to_a_type_checker(tmp_path: Path) -> None:
    """As users would check them, with the package as it is installed."""
    for example in EXAMPLES:
        (tmp_path / f"{re.sub('[^a-zA-Z0-9]', '_', str(example.id))}.py").write_text(str(example.values[0]))
    cache = PROJECT / ".mypy_cache" / "documents"
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache), str(tmp_path)]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (PROJECT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_links_exist(document: Path) -> None:
    text = document.read_text()
    assert set(re.findall(r"(?:`|\$ )make ([a-z-]+)", text)) <= make_targets()
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (document.parent / link).exists(), link


def test_help_lists_every_target() -> None:
    make = ["make", "help"]
    listed = subprocess.run(make, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make ([a-z-]+)", listed, re.MULTILINE)) == make_targets()


def test_the_demo_runs() -> None:
    """In small; `make demo` is the same program with a larger file."""
    command = [sys.executable, str(PROJECT / "examples" / "demo.py"), "--size", "5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for step in ("push (sync)", "refused: REGISTRY_DISALLOWED_OPERATION", "list (async)", "every digest is right"):
        assert step in done.stdout
    assert "\x1b[" not in done.stdout  # no terminal, no colours


def test_the_demo_tells_what_is_wrong() -> None:
    command = [sys.executable, str(PROJECT / "examples" / "demo.py"), "--registry", "not a registry"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "login server" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_commands_of_the_emulator_document_exist() -> None:
    done = subprocess.run([sys.executable, "-m", "acr.emulator", "--help"], capture_output=True, text=True, check=True)
    for option in ("--port", "--data"):
        assert option in done.stdout


def docstring_examples() -> list[Any]:
    """The blocks under `Example:` in docstrings of the package."""
    found = []
    for path in sorted((PROJECT / "acr").rglob("*.py")):
        blocks = re.findall(r"^( *)Example:\n((?:\1    .*\n|\n)+)", path.read_text(), re.MULTILINE)
        for number, (_, block) in enumerate(blocks, 1):
            found.append(pytest.param(textwrap.dedent(block), id=f"{path.stem}-{number}"))
    return found


@pytest.mark.parametrize("example", docstring_examples())
def test_an_example_of_a_docstring_runs_as_it_stands(
    example: str, acr_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of the documents; `repository` and the like are what the text around them speaks of."""
    monkeypatch.chdir(tmp_path)
    code = example.replace('"my.azurecr.io"', "endpoint, credential").replace(", default_credential()", "")
    names: dict[str, Any] = {
        "endpoint": acr_emulator.url,
        "credential": acr_emulator.credential(),
        "file": io.BytesIO(),
        "io": io,
    }
    names |= {name: getattr(acr, name) for name in ("AsyncRegistry", "Registry")}
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        repository = registry.repository("team/app")
        repository.push_artifact([], tag="v1")
        digest = repository.upload_blob(b"abc").digest

        async def in_async_code() -> None:
            async with acr.AsyncRegistry(acr_emulator.url, acr_emulator.credential()) as twin:
                names.update(registry=twin, repository=twin.repository("team/app"), digest=digest)
                await eval(compiled, names)  # noqa: S307 - our own docstrings

        names.update(registry=registry, repository=repository, digest=digest)
        compiled = compile(code, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if compiled.co_flags & inspect.CO_COROUTINE:
            asyncio.run(in_async_code())
        else:
            exec(compiled, names)  # noqa: S102 - our own docstrings
