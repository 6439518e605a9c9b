"""The installed program: on a pseudo-terminal, in a pipe, interrupted, and how it starts."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import acr
from acr.cli._output.rows import Column, Printing, print_rows
from acr.cli._output.terminal import Terminal
from acr.emulator import Emulator
from tests.armed import ALWAYS
from tests.cli.conftest import Acr, Stream
from tests.patience import until

PROGRAM = Path(sys.executable).with_name("acr")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals, and the program is acr.exe")


def run(words: Sequence[str], **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *words], env={**os.environ, **more}, capture_output=True, text=True, check=False, timeout=120
    )


def on_terminal(words: Sequence[str], columns: int, answer: bytes = b"", **more: str) -> tuple[int, str]:
    """Run the program on a pseudo-terminal, and return its exit code and all that it showed."""
    import pty

    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": str(columns), **more}
    process = subprocess.Popen(
        [PROGRAM, *words], env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown = b""
    if answer:
        os.write(ours, answer)
    while True:
        try:
            ready, _, _ = select.select([ours], [], [], 120)
            piece = os.read(ours, 65536) if ready else b""
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    code = process.wait(timeout=120)
    os.close(ours)
    return code, shown.decode()


def test_tables_fit_the_terminal(acr_here: Acr, app: acr.Repository) -> None:
    for columns in (80, 40):
        code, shown = on_terminal(["tags", "team/app", "--match", "[lv]*"], columns, NO_COLOR="1")
        lines = shown.replace("\r", "").splitlines()
        assert code == 0
        assert max(len(line) for line in lines) <= columns, shown
        assert [line.split()[0] for line in lines] == ["name", "latest", "v1.0", "v1.1"]
        assert ("updated" in lines[0], "digest" in lines[0]) == (True, columns == 80)
        for words in (
            ["ls"],
            ["ls", "-l"],
            ["tree", "team/app:v1.0"],
            ["show", "team/app:v1.0"],
            ["digest", "team/app:v1.0"],
        ):
            code, shown = on_terminal(words, columns)
            assert code == 0
            assert "team/app" in shown or "sha256:" in shown


def test_long_names_stay_whole_on_a_narrow_terminal(acr_here: Acr, app: acr.Repository) -> None:
    code, shown = on_terminal(["tags", "team/app"], 40)
    assert code == 0
    for tag in app.tags():
        assert tag.name in shown
    assert "updated" in shown


def test_colours(acr_here: Acr, app: acr.Repository) -> None:
    assert "\x1b[1m" in on_terminal(["tags", "team/app"], 80)[1]
    assert "\x1b" not in on_terminal(["tags", "team/app"], 80, NO_COLOR="1")[1]
    assert "\x1b" not in on_terminal(["tags", "team/app"], 80, TERM="dumb")[1]
    assert "\x1b" not in run(["tags", "team/app", "-o", "table"]).stdout
    assert "\x1b[1m" in run(["tags", "team/app", "-o", "table"], FORCE_COLOR="1").stdout
    assert "\x1b[31m" in run(["nonsense"], FORCE_COLOR="1").stderr


def test_a_question_on_a_terminal(acr_here: Acr, app: acr.Repository) -> None:
    code, shown = on_terminal(["untag", "team/app:v1.0"], 80, b"n\n")
    assert (code, "[y/N]" in shown) == (2, True)
    assert on_terminal(["untag", "team/app:v1.0"], 80, b"y\n")[0] == 0
    assert "v1.0" not in [tag.name for tag in app.tags()]


def test_progress_on_a_terminal(acr_here: Acr, app: acr.Repository) -> None:
    Path("big.bin").write_bytes(bytes(3_000_000))
    code, shown = on_terminal(["push", "team/big:v1", "big.bin"], 60)
    assert code == 0
    assert "MiB" in shown
    drawn = [piece for piece in shown.split("\r\x1b[2K")[1:] if "MiB" in piece]
    assert all(len(piece) <= 60 for piece in drawn)


def test_python_m_and_the_other_name(acr_here: Acr, app: acr.Repository) -> None:
    module = subprocess.run([sys.executable, "-m", "acr", "ls"], capture_output=True, text=True, check=True)
    other = subprocess.run([PROGRAM.with_name("acr-client"), "ls"], capture_output=True, text=True, check=True)
    assert module.stdout == other.stdout == run(["ls"]).stdout == "team/app\n"


def test_a_closed_pipe_ends_silently(acr_here: Acr, there: acr.Registry) -> None:
    repository = there.repository("app")
    image = repository.push_artifact([])
    manifest = repository.manifest(image.digest).get()
    for number in range(30):
        repository.put_manifest(manifest, tag=f"v{number}-{'x' * 120}")
    for words in (
        ["tags", "app", "-o", "json"],
        ["ls", "app"],
        ["--help"],
        ["--version"],
        ["completion", "bash"],
        ["tags", "--help"],
    ):
        reader, writer = os.pipe()
        os.close(reader)
        process = subprocess.Popen([PROGRAM, *words], stdout=writer, stderr=subprocess.PIPE, text=True)
        os.close(writer)
        _, error = process.communicate(timeout=120)
        assert (process.returncode, error) == (0, ""), words


def test_a_closed_pipe_hides_no_work_that_was_not_done(acr_here: Acr, app: acr.Repository) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    words = [str(PROGRAM), "untag", "team/app:v1.0", "team/app:v1.1", "--yes"]
    process = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    left = {tag.name for tag in app.tags()} & {"v1.0", "v1.1"}
    assert process.returncode != 0 or not left


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(
    "words",
    [["cp", "team/big:v1", "oci:images"], ["pull", "team/big:v1", "down"], ["push", "other/big:v1", "big.bin"]],
    ids=" ".join,
)
def test_signals_leave_nothing_behind(
    acr_here: Acr, there: acr.Registry, acr_emulator: Emulator, words: list[str], number: signal.Signals, code: int
) -> None:
    Path("big.bin").write_bytes(bytes(range(256)) * 40_000)
    there.repository("team/big").push_artifact(["big.bin"], tag="v1")
    files = set(Path().rglob("*"))
    # The first blob to come, or the upload session, is slow. A chunk that breaks off would be a request without a body.
    path, method = ("/blobs/uploads/", "POST") if words[0] == "push" else ("/blobs/sha256:", "GET")
    fault = acr_emulator.fail(times=ALWAYS, path_contains=path, method=method, delay=3)
    process = subprocess.Popen([PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: fault.left < ALWAYS)
    process.send_signal(number)
    out, error = process.communicate(timeout=120)
    assert (process.returncode, out) == (code, ""), error
    assert "Traceback" not in error
    assert set(Path().rglob("*")) == files
    assert acr_emulator.open_uploads == []


def test_help_and_completion_load_no_client(home: Path) -> None:
    client = ["acr._facades.registry", "acr._core.talk.session", "httpcore", "httpx", "asyncio", "azure.identity"]
    for words in (["--version"], ["--help"], ["tags", "--help"], ["completion", "bash"], ["nonsense"]):
        code = (
            "import sys\nfrom acr.cli import main\n"
            f"try:\n    main({words!r})\nexcept SystemExit: pass\n"
            f"print([name for name in {client!r} if name in sys.modules], file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stderr.splitlines()[-1] == "[]", words


def test_the_version_loads_next_to_nothing(home: Path) -> None:
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
before = set(sys.modules)
from acr.cli import main
main(["--version"])
print(sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    version, loaded = done.stdout.splitlines()
    assert version == f"acr-client {acr.__version__}"
    assert len(eval(loaded)) < 12, loaded  # noqa: S307 - a list of names


def test_output_of_another_encoding(acr_here: Acr, app: acr.Repository) -> None:
    shown = run(["tree", "team/app:v1.0"], PYTHONIOENCODING="ascii")
    assert shown.returncode == 0
    assert "|-- linux/amd64" in shown.stdout


def test_a_table_of_hostile_cells(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    stream = Stream(is_tty=True)
    monkeypatch.setattr(sys, "stdout", stream)
    bad = "\x1b[31mx\r\n\u202e\x9b"
    columns = [Column("name", "text", "", 0), Column("more", "texts", "", 1)]
    for form in ("table", "name", "csv", "tsv", "json", "jsonl"):
        print_rows(
            Terminal({"NO_COLOR": "1"}),
            Printing(form),
            columns,
            [{"name": bad, "more": [bad]}],
            lambda row: str(row["name"]),
        )
    for one in stream.text.replace("\t", ""):
        assert one.isprintable() or one == "\n"


def test_a_million_rows_take_little_memory(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """In a pipe they wait on disk until the last one has come. Here 200,000 of them, which is enough to see it."""
    import tracemalloc

    monkeypatch.setattr(sys, "stdout", Stream())
    count = 200_000
    columns = [Column("name", "text", "", 0)]

    def nothing(*_: object) -> None: ...

    monkeypatch.setattr(Terminal, "copy_from", nothing)
    rows = ({"name": f"v{number}-{'x' * 90}"} for number in range(count))
    tracemalloc.start()
    print_rows(Terminal(), Printing("name"), columns, rows, lambda row: str(row["name"]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 1024**2
