"""No single answer takes more than 150 MiB of memory, in either colour. `make test-limits` prints the table."""

from __future__ import annotations

import json
import os
import re
import sys
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.limits.hostile import MIB, answers, peaks_of
from tests.shells.script import Asked, Peer, Script, head

MOST: Final = 150 * MIB

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process by itself")

EMPTY = b'{"registry":"r","imageName":"i","name":"i","repositories":[],"tags":[],"manifests":[]}'


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_no_answer_takes_more_memory_than_150_mib(colour: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = answers()
    by_number = list(cases.values())

    def plays(peer: Peer, asked: Asked) -> None:
        found = re.search(r"/s([0-9]+)(?=[/?]|$)", asked.target)
        if found is None or re.search("[?&]n=", asked.target):  # of the warm-up; a page once more, with fewer items
            peer.send(head(len(EMPTY)) + EMPTY)
            return
        answer = by_number[int(found[1])]
        pieces = answer.pieces
        for part, others in answer.others.items():
            if part in asked.target and answer.at not in asked.target:
                pieces = partial(others, asked.target)
        if answer.call == "login" and "/oauth2/" not in asked.target and "authorization" not in asked.headers:
            realm = f"http://{asked.headers['host']}/oauth2/token/s{found[1]}"
            peer.send(head(0, f'WWW-Authenticate: Bearer realm="{realm}",service="s"', status="401 Unauthorized"))
            return
        if pieces is answer.pieces and answer.at not in asked.target:
            peer.send(head(2) + b"{}")
            return
        for piece in pieces():
            peer.send(piece)

    _credentials_of_docker(tmp_path, monkeypatch)
    with Script(plays) as script:
        found = peaks_of(script.url, colour, [answer.call for answer in by_number], tmp_path)
    peaks = dict(zip(cases, found, strict=True))
    for name, (peak, result) in peaks.items():
        print(f"{peak / MIB:6.1f} MiB  {name}: {result if isinstance(result, str) else f'{result} taken'}")
    assert {name: peak // MIB for name, (peak, _) in peaks.items() if peak >= MOST} == {}
    refused = {name: result for name, (_, result) in peaks.items() if cases[name].is_taken and isinstance(result, str)}
    assert refused == {}
    assert max(peak for peak, _ in peaks.values()) > 30 * MIB


def _credentials_of_docker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config that names a helper which prints without end, and a config that is large."""
    program = folder / "docker-credential-flood"
    program.write_text("#!/bin/sh\nexec cat /dev/zero\n", encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    for name, content in (("helper", json.dumps({"credsStore": "flood"})), ("docker", " " * 64 * MIB)):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(content, encoding="utf-8")
