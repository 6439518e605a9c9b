"""Where a description comes from: `spec/upstream.lock`, and the constants of the package."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from .canonical import Form


@dataclass(frozen=True)
class Source:
    """What is known of a description.

    Attributes:
        repository, path, commit: Where upstream has it; empty for a file of unknown origin.
        sha256: Digest of the file as upstream has it, with its texts.
        emitter: What wrote it; empty if that was a person.
        version: Version of the API.
        upstream: How many operations upstream's file has.
        operations: How many the package has, with those that we add.
        schemas: How many schemas the package has.
    """

    repository: str = ""
    path: str = ""
    commit: str = ""
    sha256: str = ""
    emitter: str = ""
    version: str = ""
    upstream: int = 0
    operations: int = 0
    schemas: int = 0

    @classmethod
    def load(cls, path: Path) -> Source:
        """Read the lock."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def counted(self, raw: Form, corrected: Form) -> Source:
        """The same with the counts of a description."""
        return replace(
            self,
            version=raw["version"],
            upstream=len(raw["operations"]),
            operations=len(corrected["operations"]),
            schemas=len(corrected["schemas"]),
        )

    def found_at(self, origin: str) -> Source:
        """The same with a place such as `Azure/azure-rest-api-specs@0a12dead:specification/file.json`."""
        repository, _, rest = origin.partition("@")
        commit, _, path = rest.partition(":")
        return replace(self, repository=repository, commit=commit, path=path)

    def text(self) -> str:
        """The lock as a file."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def constants(self) -> dict[str, Any]:
        """What the package says of its origin."""
        return {
            "API_VERSION": self.version,
            "UPSTREAM_REPOSITORY": self.repository,
            "UPSTREAM_PATH": self.path,
            "UPSTREAM_COMMIT": self.commit,
            "UPSTREAM_SHA256": self.sha256,
            "UPSTREAM_EMITTER": self.emitter,
            "OPERATIONS": self.operations,
        }


def source_of(content: bytes, document: dict[str, Any]) -> Source:
    """What can be known of a file by itself."""
    info = document.get("info")
    emitters = info.get("x-typespec-generated") if isinstance(info, dict) else None
    first = emitters[0] if isinstance(emitters, list) and emitters else None
    emitter = str(first.get("emitter", "")) if isinstance(first, dict) else ""
    return Source(sha256=hashlib.sha256(content).hexdigest(), emitter=emitter)
