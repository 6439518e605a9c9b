"""Draws docs/terminal.svg: what `acr` shows on a terminal, of the emulator. It needs rich, and a POSIX system.

python tools/cli_picture.py
python tools/cli_picture.py --check
python tools/cli_picture.py --light --only cp --output cp.svg

The commands run on a pseudo-terminal. The emulator's clock is set, so each run draws the same.
"""

from __future__ import annotations

import argparse
import html
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import acr
from acr import media_types
from acr.emulator import Emulator

PICTURE: Final = Path(__file__).resolve().parent.parent / "docs" / "terminal.svg"
COLUMNS: Final = 84
MIB: Final = 1024 * 1024

SCENES: Final[Mapping[str, Sequence[str]]] = {
    "ls": ("ls --long",),
    "tags": ("tags team/app --match 'v*' --sort newest",),
    "tree": ("tree team/app:v2.4.0",),
    "lock": ("lock team/app:v2.3.1 --quiet", "locks team/app"),
    "cp": ("cp team/model:v3 oci:models",),
    "du": ("du --no-progress",),
    "purge": ("purge plan policy.toml --no-progress --out plan.json", "purge explain plan.json team/app:v2.3.0"),
}
POLICY: Final = """
[[purge.rule]]
name = "old releases"
tags = { glob = ["v2.*"] }
older_than = "7d"
keep_newest = 1
"""
SHOWN: Final = ("ls", "tags", "tree", "lock")


class Clock:
    """The emulator's hour."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 3, 9, 30, tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now


def furnish(registry: acr.Registry, clock: Clock) -> None:
    """Push what the commands show: signed releases of two platforms with SBOMs, and other repositories."""
    for name in ("v2.3.0", "v2.3.1", "v2.4.0"):
        clock.now += 6 * 86400 + 12_345
        _release(registry.repository("team/app"), name)
    clock.now += 86400
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        model.write_bytes(b"model" + bytes(180 * MIB))
        registry.repository("team/model").push_artifact([model], tag="v3", artifact_type="application/x-model")
    clock.now += 3600
    registry.repository("charts/app").push_artifact([], tag="0.9.2")


def _release(repository: acr.Repository, name: str) -> None:
    images = [_image(repository, name, architecture) for architecture in ("amd64", "arm64")]
    index = {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [one.to_json() for one in images]}
    pushed = repository.put_manifest(index, tag=name)
    with tempfile.TemporaryDirectory() as folder:
        sbom = Path(folder) / "sbom.json"
        sbom.write_text(json.dumps({"spdxVersion": "SPDX-2.3", "name": name}) + " " * 48_000)
        repository.push_artifact([sbom], artifact_type="application/spdx+json", subject=pushed.digest)
    config = repository.upload_blob(f"signature of {name}".encode())
    signature = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": {"mediaType": media_types.OCI_CONFIG, "digest": config.digest, "size": config.size},
        "layers": [],
    }
    repository.put_manifest(signature, tag=f"sha256-{pushed.digest.hex}.sig")


def _image(repository: acr.Repository, name: str, architecture: str) -> acr.Descriptor:
    config = repository.upload_blob(json.dumps({"os": "linux", "architecture": architecture}).encode())
    layer = repository.upload_blob(f"{name} {architecture}".encode() + bytes((27 + len(architecture) % 3) * MIB))
    pushed = repository.put_manifest(
        {
            "schemaVersion": 2,
            "mediaType": media_types.OCI_MANIFEST,
            "config": acr.Descriptor(media_types.OCI_CONFIG, config.digest, config.size).to_json(),
            "layers": [acr.Descriptor(media_types.OCI_LAYER, layer.digest, layer.size).to_json()],
        }
    )
    return acr.Descriptor(
        pushed.media_type, pushed.digest, pushed.size, platform=acr.Platform.parse(f"linux/{architecture}")
    )


def on_terminal(words: str, env: Mapping[str, str], folder: str) -> str:
    """What a command shows on a pseudo-terminal. Of a line that is drawn again and again it is one of the middle."""
    import pty  # there is none on Windows

    ours, theirs = pty.openpty()
    line = f"{sys.executable} -m acr {words}"
    process = subprocess.Popen(["sh", "-c", line], env=env, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs)  # noqa: S607
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # the other end is closed
    os.close(ours)
    if process.wait() != 0:
        raise SystemExit(f"acr {words}: {shown.decode()}")
    text = shown.decode().replace("\r\n", "\n")
    drawn = [part for part in text.split("\r\x1b[2K") if " left" in part]
    return f"{drawn[len(drawn) // 2]}\n" if drawn else text


def picture(names: Sequence[str], *, light: bool = False, columns: int = COLUMNS) -> str:
    """The drawing, as SVG."""
    from rich.console import Console
    from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME
    from rich.text import Text

    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True)
    clock = Clock()
    with Emulator(clock=clock, password="a password") as emulator, tempfile.TemporaryDirectory() as folder:  # noqa: S106 - of the emulator
        with acr.Registry(emulator.url, emulator.credential(lifetime=10**8), clock=clock) as registry:
            furnish(registry, clock)
        env = {
            "PATH": os.environ["PATH"], "HOME": folder, "TERM": "xterm-256color", "COLUMNS": str(columns),
            "ACR_REGISTRY": emulator.login_server, "ACR_USERNAME": emulator.username, "ACR_PASSWORD": emulator.password,
        }  # fmt: skip
        Path(folder, "policy.toml").write_text(POLICY)
        for name in names:
            for words in SCENES[name]:
                console.print(Text.from_ansi(f"\x1b[32m$\x1b[0m acr {words}"))
                told = on_terminal(words, env, folder)
                if told:
                    console.print(Text.from_ansi(told))
    theme = DEFAULT_TERMINAL_THEME if light else SVG_EXPORT_THEME
    drawn = console.export_svg(title="acr", theme=theme, unique_id="acr")
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)  # nothing is loaded from elsewhere
    return "".join(f"{line.rstrip()}\n" for line in drawn.splitlines())


def text_of(drawn: str) -> str:
    """The text of a drawing."""
    return html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"<style>.*?</style>", "", drawn, flags=re.DOTALL)))


def main() -> int:
    """Draw the picture, or check it."""
    parser = argparse.ArgumentParser(description="Draw docs/terminal.svg.")
    parser.add_argument("--check", action="store_true", help="fail if the picture shows something else")
    parser.add_argument("--light", action="store_true", help="dark text on a light terminal")
    parser.add_argument("--only", nargs="+", choices=SCENES, default=SHOWN, help="draw these")
    parser.add_argument("--columns", type=int, default=COLUMNS, help="the width of the terminal (%(default)s)")
    parser.add_argument("--output", type=Path, default=PICTURE, help="where to (%(default)s)")
    options = parser.parse_args()
    drawn = picture(options.only, light=options.light, columns=options.columns)
    if options.check:
        if text_of(drawn) != text_of(options.output.read_text(encoding="utf-8")):
            print(f"{options.output.name} shows something else: run `make pictures`", file=sys.stderr)
            return 1
        return 0
    options.output.write_text(drawn, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
