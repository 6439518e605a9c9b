"""Each row of docs/from-azure-containerregistry.md runs. tests/peers/test_microsoft.py runs Microsoft's column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import acr
from acr.emulator import Emulator
from tests.docs.from_azure import ROWS
from tests.upkeep import push_image


def prepare(registry: acr.Registry) -> acr.Digest:
    """What the rows speak of; give the digest of a manifest without a tag."""
    push_image(registry.repository("team/app"), "an image", tag="v1")
    push_image(registry.repository("team/old"), "an old image", tag="v1")
    return push_image(registry.repository("team/app"), "without a tag").digest


def test_each_row_runs(acr_emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.onnx").write_bytes(b"a model")
    assert len(ROWS) == 20
    names: dict[str, Any] = {
        "Registry": lambda _, credential: acr.Registry(acr_emulator.url, credential),
        "default_credential": acr_emulator.credential,
    }
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as there:
        names["untagged"] = prepare(there)
        for _, ours in ROWS:
            exec(compile(ours, "row", "exec"), names)  # noqa: S102 - our own page
        names["registry"].close()
        app = there.repository("team/app")
        assert Path("copy.onnx").read_bytes() == b"a model"
        assert list(there.repositories()) == ["team/app"]
        assert [tag.name for tag in app.tags()] == ["v1"]
        assert [one.tags for one in app.manifests()] == [("v1",)]
        assert not app.manifest("v1").properties().can_delete
        assert not app.blob(names["digest"]).exists()
