"""What moves several blobs at once ends soon, if it is interrupted or if one of them fails: no server is waited for.

A server that says nothing is waited for up to `Timeouts.read` seconds, and the test would fail before.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

import pytest

import acr
from acr._shells.answers import Answer
from tests.interruptions import Interrupted
from tests.patience import PATIENCE
from tests.shells.script import Asked, Peer, Script, digest_of, head
from tests.twin import Twin

CONTENTS = [b"one", b"two", b"three"]
TIMEOUTS = acr.Timeouts(read=100 * PATIENCE)
"""More than a server of a script waits for its client."""


def manifest() -> bytes:
    blobs = [{"mediaType": "text/plain", "digest": digest_of(c), "size": len(c)} for c in CONTENTS]
    config = {"mediaType": acr.media_types.OCI_EMPTY, "digest": digest_of(b"{}"), "size": 2}
    return json.dumps(
        {"schemaVersion": 2, "mediaType": acr.media_types.OCI_MANIFEST, "config": config, "layers": blobs}
    ).encode()


def give_manifest(peer: Peer, _: Asked) -> None:
    content = manifest()
    peer.send(head(len(content), f"Content-Type: {acr.media_types.OCI_MANIFEST}") + content)


class Silent:
    """A part that gives the manifest, and leaves who asks for blobs without an answer, or in the middle of one.

    Args:
        sends: what comes of a blob, before nothing comes any more.
        count: how many are asked for at the same time.
        then: what is done when all of them wait.
    """

    def __init__(self, sends: bytes, count: int, then: Callable[[Peer], None]) -> None:
        self.left: list[bool] = []
        self._sends = sends
        self._then = then
        self._waiting = threading.Barrier(count)

    def __call__(self, peer: Peer, asked: Asked) -> None:
        if "/manifests/" in asked.target:
            give_manifest(peer, asked)
            return
        peer.send(self._sends)
        if self._waiting.wait(PATIENCE) == 0:
            self._then(peer)
            if not peer.is_open:
                return
        self.left.append(peer.is_left())


def interrupt(_: Peer) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def fail(peer: Peer) -> None:
    peer.send(head(0, status="403 Forbidden"))
    peer.close()


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT for one process on Windows")
@pytest.mark.parametrize(
    "sends", [b"", head(2_000_000) + b"x", head(2)], ids=["nothing", "a large body", "a small body"]
)
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_it(sends: bytes) -> None:
    """Once it waited as long as the server was silent."""
    part = Silent(sends, 4, interrupt)
    with Script(part) as script, acr.Registry(script.url, timeouts=TIMEOUTS) as registry:
        with pytest.raises(KeyboardInterrupt):
            registry.repository("app").pull("v1", acr.Memory())
        assert len(registry.repository("app").manifest("v1").get().content) > 0  # the client can be used on
    assert part.left == [True] * 4


@pytest.mark.skipif(os.name == "nt", reason="signals are not masked on Windows")
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_it_if_it_comes_just_before_the_wait() -> None:
    """The wait is not interrupted then, as here, where the signal comes to another thread."""

    def interrupt_in_this_thread(peer: Peer) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        interrupt(peer)

    part = Silent(b"", 4, interrupt_in_this_thread)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with (
            Script(part) as script,
            acr.Registry(script.url, timeouts=TIMEOUTS) as registry,
            pytest.raises(KeyboardInterrupt),
        ):
            registry.repository("app").pull("v1", acr.Memory())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert part.left == [True] * 4


def ends_an_answer(frame: FrameType) -> bool:
    return frame.f_code is Answer.aclose.__code__


def test_a_client_goes_on_wherever_the_end_of_its_call_was_interrupted() -> None:
    """A connection that httpcore had begun to make ready for the next request was kept, and failed in h11."""
    with Script(give_manifest) as script:
        for number in itertools.count():
            with acr.Registry(script.url, timeouts=TIMEOUTS) as registry:
                item = registry.repository("app").manifest("v1")
                item.get()
                interrupted = Interrupted(number, ends_an_answer)
                interrupted.run(item.get)
                assert isinstance(interrupted.error, KeyboardInterrupt) == interrupted.was_reached
                assert item.get().content == manifest()
            if not interrupted.was_reached:
                assert number > 20
                break


def test_a_failure_ends_it(twin: Twin) -> None:
    """And it is the failure that is told, not what became of the others."""
    part = Silent(b"", 4, fail)
    with Script(part) as script:
        registry = twin.connect(script.url, timeouts=TIMEOUTS)
        with pytest.raises(acr.Denied):
            registry.repository("app").pull("v1", acr.Memory())
    assert part.left == [True] * 3
