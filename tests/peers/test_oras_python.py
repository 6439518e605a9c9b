"""oras for Python on the emulator: it pushes, pulls, lists and deletes, given a token that it cannot get by itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from acr import Registry, UsernamePassword
from acr.emulator import Emulator
from tests.peers.tools import installed, run

SCRIPT = Path(__file__).parent / "scripts" / "oras_python.py"
NAME = "team/app"


def test_push_pull_list_delete(acr_emulator: Emulator, tmp_path: Path) -> None:
    login = acr_emulator.username, acr_emulator.password
    with Registry(acr_emulator.url, UsernamePassword(*login)) as registry:
        token = registry.access_token([f"repository:{NAME}:pull,push,delete"])
        python = installed("python") / "bin" / "python"
        output = run(python, SCRIPT, acr_emulator.login_server, *login, token, NAME, home=tmp_path)
        found = json.loads(output.splitlines()[-1])
        app = registry.repository(NAME)
        assert found["refused"] is True  # a known limit, at ACR too: see the script
        assert found["pulled"] == hashlib.sha256(b"from oras\n").hexdigest()
        assert (found["tags"], found["left"]) == (["v1", "v2"], ["v1"])
        assert found["manifest"] == {"tag": "v2"}
        assert list(app.tag_names()) == ["v1"]
        (file,) = app.pull("v1", tmp_path / "ours").files
        assert file.read_text() == "from oras\n"
