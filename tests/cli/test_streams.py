"""What goes to which stream: closed streams, a full disk, objects on standard error, summaries, and exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import acr
from acr.cli._output.terminal import width_of
from acr.emulator import Emulator
from tests.cli.conftest import Acr
from tests.cli.test_listing import fill
from tests.cli.test_terminal import PROGRAM, on_terminal

shell = pytest.mark.skipif(os.name == "nt", reason="there is no POSIX shell")


def in_shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line.replace("acr ", f"'{PROGRAM}' ", 1)], capture_output=True, text=True, check=False
    )


@shell
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("acr ls >&-", 0),
        ("acr tags team/app -o json >&-", 0),
        ("acr manifest team/app:v1.0 >&-", 0),
        ("acr digest team/app 2>&-", 0),
        ("acr nonsense 2>&-", 2),
        ("acr untag team/app:v1.0 --yes <&- >&- 2>&-", 0),
        ("acr ls --username x --password-stdin <&-", 2),
        ("acr --version >&-", 0),
        ("acr --help >&-", 0),
    ],
)
def test_streams_that_are_closed_from_the_beginning(acr_here: Acr, app: acr.Repository, line: str, code: int) -> None:
    done = in_shell(line)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


@shell
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "line", ["acr ls", "acr tags team/app -o csv", "acr manifest team/app:v1.0", "acr --help", "acr --version"]
)
def test_a_full_disk_is_told(acr_here: Acr, app: acr.Repository, line: str) -> None:
    done = in_shell(f"{line} >/dev/full")
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["acr: error: No space left on device"]


def test_an_interrupt_while_modules_load(home: Path) -> None:
    code = (
        "import sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'acr.cli._program': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from acr.cli import main\n"
        "sys.exit(main(['ls']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize(
    ("words", "is_object"),
    [
        (["rm", "x", "-o", "json"], True),
        (["rm", "x", "-o=json"], True),
        (["rm", "x", "-ojson"], True),
        (["rm", "x", "--output=jsonl"], True),
        (["-o", "json", "rm", "x"], True),
        (["rm", "x", "-o", "nonsense"], False),
        (["rm", "json"], False),
        (["rm", "x", "-o", "json", "-o", "csv"], False),
    ],
    ids=str,
)
def test_errors_are_objects_if_the_output_is(acr_here: Acr, words: list[str], is_object: bool) -> None:
    done = acr_here(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("{") == is_object
    if is_object:
        assert json.loads(done.err)["error"]["code"] == 2


def test_each_line_of_standard_error_is_an_object(acr_here: Acr, app: acr.Repository, acr_emulator: Emulator) -> None:
    """Notes, warnings, retries, `--debug`, and what failed of several things."""
    app.tag("v1.1").update(can_delete=False)
    acr_emulator.fail(status=503, method="GET", path_contains="/_tags/v1.0", times=1)
    done = acr_here("untag", "team/app:v1.1", "team/app:v1.0", "--yes", "-o", "json", "--debug")
    assert done.code == 3
    found = [json.loads(line) for line in done.err.splitlines()]
    kinds = [next(iter(one)) for one in found]
    assert set(kinds) == {"debug", "note", "error"}
    (error,) = (one["error"] for one in found if "error" in one)
    assert error["message"].startswith("untag team/app:v1.1: ")
    assert (error["status"], error["code"]) == (405, 1)
    assert error["correlation_id"]
    assert "acr unlock" in error["hint"]
    (note,) = (json.loads(line) for line in acr_here("digest", "team/app", "-o", "json").err.splitlines())
    assert "latest" in note["note"]


def test_what_failed_is_an_error_with_its_hint(acr_here: Acr, app: acr.Repository) -> None:
    app.tag("v1.1").update(can_delete=False)
    first, hint, identity = acr_here("untag", "team/app:v1.1", "--yes").err.splitlines()
    assert first.startswith("acr: error: untag team/app:v1.1: ")
    assert hint.endswith("the tag is locked: `acr unlock team/app:v1.1` unlocks it")
    assert identity.startswith("  correlation id: ")


@pytest.mark.parametrize(
    "words",
    [
        ["rm", "Bad Name:x", "--yes"],
        ["show", "team/app:v1.0", "--platform", "foo"],
        ["tag", "team/app:v1.0", "a b"],
        ["push", "team/x:a:b", "README.md"],
        ["attach", "team/app:v1.0", "README.md", "--artifact-type", "nonsense"],
        ["pull", "team/model:v1", "down", "--include", "*.zip"],
        ["pull", "team/model:v1", "down", "--fields", "nonsense"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_right_is_a_usage_error(
    acr_here: Acr, app: acr.Repository, there: acr.Registry, words: list[str]
) -> None:
    Path("README.md").write_text("read me")
    there.repository("team/model").push_artifact(["README.md"], tag="v1")
    done = acr_here(*words)
    assert (done.code, done.out) == (2, "")
    assert "include=" not in done.err
    assert not list(Path().glob("down/*"))


@pytest.mark.parametrize("words", [["tags", "nothing"], ["ls", "nothing"], ["show", "team/app:nothing"]], ids=" ".join)
def test_what_is_not_there_has_a_hint(acr_here: Acr, app: acr.Repository, words: list[str]) -> None:
    assert "hint:" in acr_here(*words).err


def test_a_repository_that_cannot_be_looked_at(
    acr_here: Acr, app: acr.Repository, there: acr.Registry, acr_emulator: Emulator
) -> None:
    there.repository("zz").push_artifact([], tag="v1")
    fault = acr_emulator.fail(status=403, path_contains="/acr/v1/zz", method="GET")
    done = acr_here("ls", "--long")
    assert (done.code, done.out, fault.left) == (3, "", 0)
    assert "zz cannot be looked at, so the list is not whole: " in done.err


def test_summaries(acr_here: Acr, app: acr.Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    app.tag("v1.1").update(can_delete=False)
    assert (
        acr_here("tags", "team/app", "--match", "v1.0", "--fields", "name,size", "--summary").lines[0] == "v1.0\t20 B"
    )
    assert acr_here("untag", "team/app:v1.1", "team/app:v1.0", "--yes", "--summary").lines == ["team/app:v1.0"]
    first, rule, row, empty, *others = Path("summary.md").read_text().splitlines()
    assert (first, rule, row, empty) == ("| name | size |", "| --- | ---: |", "| v1.0 | 20 B |", "")
    assert others[0] == "| reference | action | status | digest | reason |"
    assert [line.split(" | ")[2] for line in others[2:4]] == ["failed", "done"]


def test_a_summary_is_text_and_has_an_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from acr.cli._output.summary import Summary

    summary = Summary(str(tmp_path / "summary.md"), [("name", False)])
    for name in ("<b>|`x`@you&\\n", *["x" * 1000] * 2000):
        summary.note([name])
    summary.append()
    text = (tmp_path / "summary.md").read_text()
    assert text.splitlines()[2] == r"| &lt;b&gt;\|\`x\`&#64;you&amp;\\n |"
    assert len(text) < 1024**2
    assert text.rstrip().endswith("1,479 more rows left out.")


def test_the_summary_needs_a_place(acr_here: Acr, app: acr.Repository) -> None:
    done = acr_here("untag", "team/app:v1.0", "--yes", "--summary")
    assert done.code == 2
    assert app.tag("v1.0").properties()


def test_sizes_of_many_manifests_are_not_held_in_memory(
    acr_here: Acr, app: acr.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the listing of manifests says waits on disk for the tags, 100,000 of them."""
    import tracemalloc

    from acr.cli._commands import tags
    from acr.cli._references import Place

    one = next(iter(app.manifests()))

    class Many:
        """A repository of one manifest, again and again."""

        def manifests(self) -> object:
            return (attrs_with(acr.Digest(f"sha256:{number:064x}")) for number in range(100_000))

    def attrs_with(digest: acr.Digest) -> object:
        import attrs

        return attrs.evolve(one, digest=digest)

    sizes = tags._Sizes(Many(), Place("http://x", "x", None, None), few=False)  # type: ignore[arg-type]
    tracemalloc.start()
    try:
        assert sizes.of(acr.Digest(f"sha256:{77:064x}")) == {"size": one.size, "media_type": one.media_type}
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        sizes.close()
    assert peak < 2 * 1024**2


def test_tables_and_trees_fit(acr_here: Acr, app: acr.Repository) -> None:
    """A name that is much longer than others has a line of its own, and takes no column away."""
    for columns in (80, 40):
        code, shown = on_terminal(["tags", "team/app"], columns, NO_COLOR="1")
        lines = shown.replace("\r", "").splitlines()
        assert code == 0
        assert lines[0].split()[:2] == (["name", "digest"] if columns == 80 else ["name", "updated"])
        assert all(width_of(line) <= columns or line.startswith("sha256-") for line in lines), shown
        code, shown = on_terminal(["tree", "team/app:v1.0"], columns, NO_COLOR="1")
        lines = shown.replace("\r", "").splitlines()
        assert code == 0
        assert all(width_of(line) <= columns for line in lines), shown
        assert lines[0].startswith("index: team/app:v1.0")


def test_widths_of_marks_without_one() -> None:
    assert width_of("x\ufe0f") == 1


def test_credentials_go_to_the_registry_that_is_named(
    acr_here: Acr, app: acr.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if ACR_REGISTRY names another one: the command line says what is meant."""
    with Emulator() as other, acr.Registry(other.url, other.credential()) as registry:
        registry.repository("theirs").push_artifact([], tag="v1")
        words = [f"{other.login_server}/theirs", "-u", other.username, "--password-stdin"]
        assert acr_here("ls", *words, content=other.password.encode()).lines == ["v1"]


def test_an_environment_that_names_no_registry_is_told(
    acr_here: Acr, app: acr.Repository, acr_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACR_REGISTRY")
    done = acr_here("ls", acr_emulator.login_server)
    assert done.code == 5
    assert "ACR_REGISTRY does not say for which registry" in done.err


def test_what_is_done_shows_at_once(acr_here: Acr, app: acr.Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the second tag is deleted: the terminal says that the first one is gone."""
    delete = acr.RepositoryTag.delete

    def interrupted(self: acr.RepositoryTag, *, missing_ok: bool = False) -> None:
        if self.name == "v1.1":
            raise KeyboardInterrupt
        delete(self, missing_ok=missing_ok)

    monkeypatch.setattr(acr.RepositoryTag, "delete", interrupted)
    done = acr_here("untag", "team/app:v1.0", "team/app:v1.1", content=b"y\n", tty=True)
    assert done.code == 130
    assert [line.split()[:3] for line in done.lines[1:]] == [["team/app:v1.0", "untag", "done"]]


def test_push_no_clobber(acr_here: Acr, app: acr.Repository) -> None:
    before = app.manifest("v1.0").head()
    Path("a.txt").write_text("a")
    (kept,) = acr_here("push", "team/app:v1.0", "a.txt", "--no-clobber", "-o", "json").json
    assert (kept["status"], kept["digest"]) == ("skipped", before.digest)
    assert acr_here("cp", "team/app:v1.1", "oci:images").code == 0
    (kept,) = acr_here("push", "team/app:v1.0", "oci:images:v1.1", "--no-clobber", "-o", "json").json
    assert kept["status"] == "skipped"
    assert app.manifest("v1.0").head() == before
    assert acr_here("push", "team/app:new", "a.txt", "--no-clobber").code == 0


def test_rm_though_the_registry_counts_more_than_it_lists(
    acr_here: Acr, app: acr.Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.upkeep import push_image

    lonely = push_image(app, "lonely")
    app.manifest(push_image(app, "hidden").digest).update(can_list=False)
    refused = acr_here("rm", f"team/app@{lonely.digest}", "--yes")
    assert (refused.code, "--ignore-unlisted" in refused.err) == (1, True)
    assert acr_here("rm", f"team/app@{lonely.digest}", "--yes", "--ignore-unlisted").code == 0


@pytest.mark.parametrize("words", [["pull", "team/big:v1", "a/b/down"], ["cp", "team/big:v1", "oci:a/b/images"]])
def test_an_interrupt_leaves_no_folders_above_either(
    acr_here: Acr, there: acr.Registry, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    Path("big.bin").write_bytes(bytes(1000))
    there.repository("team/big").push_artifact(["big.bin"], tag="v1")
    Path("a").mkdir()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("acr.cli._output.progress.Progress.__call__", interrupt)
    assert acr_here(*words).code == 130
    assert sorted(map(str, Path().rglob("*"))) == ["a", "big.bin"]


def test_every_page_streams(acr_here: Acr, app: acr.Repository) -> None:
    fill(app, 250)
    assert len(acr_here("tags", "team/app", "--stream", "-o", "jsonl").lines) == 255


def test_words_for_one_and_for_nothing(acr_here: Acr, there: acr.Registry) -> None:
    there.repository("one").push_artifact([], tag="v1")
    assert "with 1 tag and 1 manifest?" in acr_here("rm", "--repository", "one").err
    assert acr_here("cp", "one:v1", "oci:images").code == 0
    again = acr_here("cp", "one:v1", "oci:images", tty=True)  # all of it is there: nothing moves
    assert (again.code, "0/0" in again.err) == (0, False)
