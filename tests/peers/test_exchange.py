"""What one client pushes, every other one pulls to the byte, ours among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from acr.emulator import Emulator
from tests.peers.cli import PROGRAMS, Client
from tests.peers.images import check_same
from tests.peers.ours import Ours

CLIENTS: tuple[type[Client], ...] = (*PROGRAMS, Ours)


@pytest.mark.parametrize("puller", CLIENTS, ids=[client.name for client in CLIENTS])
@pytest.mark.parametrize("pusher", CLIENTS, ids=[client.name for client in CLIENTS])
def test_what_one_pushes_another_pulls(
    pusher: type[Client], puller: type[Client], acr_emulator: Emulator, tmp_path: Path, image: Path, index: Path
) -> None:
    login = acr_emulator.login_server, acr_emulator.username, acr_emulator.password
    for layout in (image, index):
        reference = f"{acr_emulator.login_server}/team/{layout.name}:v1"
        pusher(tmp_path, *login).push(layout, reference)
        puller(tmp_path, *login).pull(reference, tmp_path / layout.name)
        check_same(tmp_path / layout.name, layout)
