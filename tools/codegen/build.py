"""One description on its way through all steps, from the file to the package."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from . import corrections, proof, texts
from .canonical import Form, canonical
from .corrections import Outcome, correct
from .openapi import openapi
from .plan import Plan, plan, unscoped
from .reading import check as check_document, decode, load as load_document
from .render import write
from .sources import Source, source_of

if TYPE_CHECKING:
    from pathlib import Path


UNKNOWN: Final = Source()


@dataclass(frozen=True)
class Build:
    """A description, and what each step made of it."""

    document: dict[str, Any]
    raw: Form  # canonical, as upstream says it
    form: Form  # corrected, with our texts
    plan: Plan
    package: str
    source: Source
    outcomes: list[Outcome]
    notes: list[str]
    untold: list[str]  # places without a text of ours
    unused: list[str]  # texts of ours without a place

    @property
    def unscoped(self) -> list[str]:
        """The operations of which nobody has said which scopes a token needs."""
        return unscoped(self.form)

    def write(self, folder: Path, *, tidy: bool = True) -> None:
        """Write the package, formatted if it is to be `tidy`, and the description as OpenAPI 3.0."""
        folder.mkdir(parents=True, exist_ok=True)
        write(self.plan, folder, self.package, self.source.constants(), tidy=tidy)
        document = json.dumps(openapi(self.form), indent=2, ensure_ascii=False) + "\n"
        (folder / "openapi.json").write_text(document, encoding="utf-8")
        (folder / "upstream.lock").write_text(self.source.text(), encoding="utf-8")

    def prove(self, folder: Path) -> None:
        """Use each operation of what was written."""
        proof.prove(folder, self.package, self.plan, len(self.form["operations"]))


def build(spec: Path, content: bytes, package: str, *, origin: Source | None = None, bare: bool = False) -> Build:
    """Take a description through all steps.

    Args:
        spec: The folder with the corrections and the texts.
        content: The description, as the file has it.
        package: The name of the package.
        origin: Where it is from, if that is known; its counts are made anew.
        bare: Use none of its texts.
    """
    document = check_document(load_document(decode(content)))
    source = source_of(content, document) if origin is None else origin
    return build_document(spec, texts.strip(document) if bare else document, package, source)


def build_document(spec: Path, document: dict[str, Any], package: str, source: Source = UNKNOWN) -> Build:
    """Take a description that is read already through all further steps."""
    raw, notes = canonical(document)
    form, outcomes = correct(raw, corrections.load(spec / "corrections.yaml"))
    described = texts.describe(form, texts.load(spec / "texts.yaml"))
    planned = plan(described.form)
    return Build(
        document=document,
        raw=raw,
        form=described.form,
        plan=planned,
        package=package,
        source=source.counted(raw, form),
        outcomes=outcomes,
        notes=notes + planned.notes,
        untold=described.missing,
        unused=described.unused,
    )


def describe_source(built: Build) -> str:
    """One line about what was read."""
    kind = {"typespec": "emitted from TypeSpec", "handwritten": "written by hand"}[built.raw["form"]]
    return (
        f"API version {built.raw['version']}, {kind}: {len(built.raw['operations'])} operations; "
        f"with corrections {len(built.form['operations'])}, and {len(built.form['schemas'])} schemas"
    )
