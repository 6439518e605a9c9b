"""What an emulator keeps to itself, and how it is kept in a folder."""

from __future__ import annotations

import hmac
import json
import os
import secrets
import uuid
from pathlib import Path

import attrs


@attrs.frozen
class Secrets:
    """What an emulator keeps to itself. In a folder it survives a restart, and so do the tokens it has signed."""

    key: bytes = attrs.field(factory=lambda: secrets.token_bytes(32), repr=False)
    password: str = attrs.field(factory=lambda: secrets.token_hex(24), repr=False)
    registry_id: str = attrs.field(factory=lambda: uuid.uuid4().hex)

    @classmethod
    def load(cls, path: Path) -> Secrets:
        """Read them from a file, which is made if there is none, for the eyes of its owner alone.

        Raises:
            ValueError: the file is damaged.
        """
        if path.exists():
            try:
                data = json.loads(path.read_text("utf-8"))
                return cls(bytes.fromhex(data["key"]), data["password"], data["registry_id"])
            except (ValueError, KeyError, TypeError):
                raise ValueError(f"{path} is damaged: delete its folder, or name another one") from None
        new = cls()
        text = json.dumps({"key": new.key.hex(), "password": new.password, "registry_id": new.registry_id})
        write_private(path, text.encode())
        return new

    def sign(self, text: str) -> bytes:
        """A signature that only this emulator can make."""
        return hmac.digest(self.key, text.encode(), "sha256")


def write_private(path: Path, content: bytes) -> None:
    """Write a file in one step, for the eyes of its owner alone."""
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)
