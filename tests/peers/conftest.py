"""An emulator that speaks TLS, for clients that insist on it, and folders of images to push."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from acr.emulator import Emulator
from tests.certificate import make_certificate
from tests.peers import images

collect_ignore = ["scripts"]  # they run in environments of their own


@attrs.frozen
class TlsEmulator:
    """An emulator, and the certificate that its clients have to trust."""

    registry: Emulator
    certificate: Path


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls_emulator(certificate: tuple[Path, Path]) -> Iterator[TlsEmulator]:
    with Emulator(tls=certificate) as registry:
        yield TlsEmulator(registry, certificate[0])


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An OCI layout of an image."""
    return images.write_image(tmp_path_factory.mktemp("layout") / "image")


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An OCI layout of an image for two platforms."""
    return images.write_index(tmp_path_factory.mktemp("layout") / "index")
