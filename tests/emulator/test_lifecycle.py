"""Start, stop, restart, reset; the command line; the fixture."""

from __future__ import annotations

import inspect
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

import acr.emulator
from acr._values.digest import Digest
from acr.emulator import Emulator, Settings
from acr.emulator.__main__ import main
from acr.errors import InvalidInput
from tests.armed import Armed
from tests.certificate import make_certificate
from tests.emulator.user import ANY, User, plain

SEED = Path(__file__).with_name("seed.toml")


def test_content_and_tokens_survive_a_restart(tmp_path: Path) -> None:
    with Emulator(tmp_path) as registry:
        user = User(registry)
        with user.http:
            digest = user.push_image("team/app", "v1")
            user.send(
                "PATCH", "/acr/v1/team/app/_tags/v1", "repository:team/app:metadata_write", json={"listEnabled": False}
            )
            token = user.token("repository:team/app:pull,metadata_read")
            before = user.send("GET", "/acr/v1/team/app/_tags/v1", "repository:team/app:metadata_read").json()["tag"]
            user.send("POST", "/v2/team/app/blobs/uploads/", "repository:team/app:pull,push")
        password = registry.password
    with Emulator(tmp_path) as registry:
        assert registry.password == password
        headers = {"Authorization": f"Bearer {token}", "Accept": ANY}
        with httpx.Client(base_url=registry.url, headers=headers, follow_redirects=True) as http:
            assert http.get("/v2/team/app/manifests/v1").headers["Docker-Content-Digest"] == digest
            assert http.get(f"/v2/team/app/blobs/{Digest.of(b'layer ')}").content == b"layer "
            assert http.get("/acr/v1/team/app/_tags/v1").json()["tag"] == before
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert list((tmp_path / "drafts").iterdir()) == []


def test_data_as_text(tmp_path: Path) -> None:
    with Emulator(str(tmp_path / "data"), seed=str(SEED)) as registry:
        assert registry.data == tmp_path / "data"
    assert (tmp_path / "data" / "metadata.db").exists()


def test_password(tmp_path: Path) -> None:
    with Emulator(tmp_path, password="pä:ss") as registry:
        assert registry.password == "pä:ss"
        assert "pä:ss" not in repr(registry)
        user = User(registry)
        with user.http:
            assert user.token("registry:catalog:*")
    with Emulator(tmp_path) as registry:  # it was for that time
        assert registry.password != "pä:ss"
    with pytest.raises(ValueError, match="password is empty"):
        Emulator(password="")


@pytest.mark.parametrize("data", [True, False])
def test_self_signed(tmp_path: Path, data: bool) -> None:
    with Emulator(tmp_path if data else None, self_signed=True) as registry:
        assert registry.url.startswith("https://127.0.0.1:")
        assert registry.certificate
        trust = ssl.create_default_context(cafile=registry.certificate)
        made = registry.certificate.read_bytes()
        keys = [path for path in registry.certificate.parent.iterdir() if path.suffix == ".pem"]
        assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
        user = User(registry)
        with user.http, httpx.Client(verify=trust, follow_redirects=True) as http:
            digest = user.push_blob("app", b"layer")
            headers = {"Authorization": f"Bearer {user.token('repository:app:pull')}"}
            blob = http.get(f"{registry.url}/v2/app/blobs/{digest}", headers=headers)
            assert (blob.content, blob.url.scheme, blob.url.host) == (b"layer", "https", "localhost")
    assert registry.certificate.exists() == data
    with Emulator(tmp_path if data else None, self_signed=True) as registry:
        assert registry.certificate
        assert (registry.certificate.read_bytes() == made) == data


@pytest.mark.parametrize("broken", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_certificate_that_is_none_is_made_anew(tmp_path: Path, broken: bytes) -> None:
    for _ in range(2):
        with Emulator(tmp_path, self_signed=True) as registry:
            assert registry.certificate
            ssl.create_default_context(cafile=registry.certificate)
        registry.certificate.write_bytes(broken)


def test_a_certificate_is_for_where_the_emulator_is(tmp_path: Path) -> None:
    for host in ("localhost", "127.0.0.1"):
        with Emulator(tmp_path, host=host, self_signed=True) as registry:
            assert registry.certificate
            trust = ssl.create_default_context(cafile=registry.certificate)
            with httpx.Client(verify=trust) as http:
                assert http.get(f"{registry.url}/v2/").status_code == 401


def test_tls_and_self_signed_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not go together"):
        Emulator(tls=make_certificate(tmp_path), self_signed=True)


@pytest.mark.parametrize("name", ["refresh_lifetime", "access_lifetime", "anonymous_lifetime", "redirect_lifetime"])
@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan"), 1e18])
def test_lifetimes_that_no_clock_has(name: str, seconds: float) -> None:
    settings: Any = {name: seconds}
    with pytest.raises(ValueError, match=name):
        Emulator(**settings)


def test_settings_are_told_in_one_place() -> None:
    """Names, defaults and texts stand in `Settings` alone; `Emulator` takes them all."""
    told = inspect.signature(Settings).parameters
    taken = inspect.signature(Emulator).parameters
    assert {name: taken[name] for name in told} == dict(told)
    described = (inspect.getdoc(Settings) or "").partition("Raises:")[0]
    assert re.findall(r"^    (\w+): ", described, re.MULTILINE) == list(told)
    document = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", document, re.MULTILINE) == list(told)


def test_files_are_named_by_digest(tmp_path: Path) -> None:
    with Emulator(tmp_path) as registry:
        user = User(registry)
        with user.http:
            digest = user.push_blob("app", b"layer")
            assert (tmp_path / "blobs" / "sha256" / digest.hex[:2] / digest.hex).read_bytes() == b"layer"
            user.push_artifact("app", "v1")
            user.send("DELETE", "/acr/v1/app", "repository:app:delete")
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("data", [False, True])
def test_reset(armed: Armed, tmp_path: Path, data: bool) -> None:
    with Emulator(tmp_path if data else None) as registry:
        user = User(registry)
        with user.http:
            user.push_image("app", "v1")
            location = user.send("POST", "/v2/app/blobs/uploads/", "repository:app:pull,push").headers["Location"]
            armed.excuse(registry.fail(status=500), "the reset drops it")
            registry.reset()
            assert user.send("GET", "/acr/v1/_catalog", "registry:catalog:*").json() == {"repositories": []}
            assert user.send("GET", location, "repository:app:pull").status_code == 404
            path = f"/v2/app/blobs/{Digest.of(b'layer ')}"
            assert user.send("HEAD", path, "repository:app:pull").status_code == 404
            user.push_image("app", "v1")


def test_stop_closes_a_connection_that_is_kept() -> None:
    """It does not wait until the client leaves: this one never would."""
    registry = Emulator().start()
    host, _, port = registry.login_server.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"HEAD /v2/ HTTP/1.1\r\nHost: {registry.login_server}\r\n\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 401")
        registry.stop()
        with suppress(ConnectionResetError):
            assert connection.recv(65536) == b""


def test_stop_in_the_middle_of_an_upload() -> None:
    registry = Emulator().start()
    user = User(registry)
    with user.http:
        scope = "repository:app:pull,push"
        location = user.send("POST", "/v2/app/blobs/uploads/", scope).headers["Location"]
        token = user.token(scope)
        host, _, port = registry.login_server.partition(":")
        with socket.create_connection((host, int(port))) as connection:
            head = f"PATCH {location} HTTP/1.1\r\nHost: {registry.login_server}\r\nAuthorization: Bearer {token}\r\n"
            connection.sendall(f"{head}Content-Length: 3000000\r\n\r\n".encode() + bytes(2_000_000))
            registry.stop()


def test_port_that_is_taken(registry: Emulator) -> None:
    port = int(registry.login_server.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        Emulator(port=port)
    with pytest.raises(OSError, match="in use"):
        Emulator(storage_port=port)


def test_one_that_was_not_started_says_so() -> None:
    """It used to take connections, which nobody answered: its clients waited for their time-outs."""
    registry = Emulator()
    for name in ("url", "login_server"):
        with pytest.raises(InvalidInput, match=r"has not been started: use it in a with statement, or call start\(\)"):
            getattr(registry, name)
    registry.add_token("reader", "secret", [])
    port = int(repr(registry).removesuffix("')").rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
    with registry:
        assert registry.url == f"http://127.0.0.1:{port}"
        assert plain.get(f"{registry.url}/v2/").status_code == 401
        with pytest.raises(InvalidInput, match="has been started already"):
            registry.start()
        assert plain.get(f"{registry.url}/v2/").status_code == 401


def test_one_that_was_stopped_says_so() -> None:
    with Emulator() as registry:
        pass
    registry.stop()
    for call in (registry.start, registry.reset):
        with pytest.raises(InvalidInput, match="has been stopped, and does not start again: make another one"):
            call()


def test_a_port_that_is_taken_before_the_start() -> None:
    with Emulator() as other:
        port = int(other.login_server.rpartition(":")[2])
    first, second = Emulator(port=port), Emulator(port=port)
    with first:
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1 port {port} .*in use.*: name another one"):
            second.start()
        assert plain.get(f"{first.url}/v2/").status_code == 401


def test_folder_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "drafts").mkdir()
    (tmp_path / "drafts" / "letter").write_text("dear")
    with pytest.raises(FileExistsError, match="no emulator has made it"):
        Emulator(tmp_path)
    assert (tmp_path / "drafts" / "letter").read_text() == "dear"


@pytest.mark.parametrize(
    ("name", "content"), [("secrets.json", b""), ("secrets.json", b'{"key":"00"}'), ("metadata.db", b"x" * 5000)]
)
def test_folder_that_is_damaged(tmp_path: Path, name: str, content: bytes) -> None:
    """As a power loss can leave it."""
    with Emulator(tmp_path):
        pass
    (tmp_path / name).write_bytes(content)
    with pytest.raises((OSError, ValueError), match=f"{name}.* delete its folder, or name another"):
        Emulator(tmp_path)


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost"])  # noqa: S104
def test_other_hosts(host: str) -> None:
    with Emulator(host=host) as registry:
        assert registry.url.startswith("http://127.0.0.1:" if host == "0.0.0.0" else "http://localhost:")  # noqa: S104
        user = User(registry)
        with user.http:
            digest = user.push_blob("app", b"layer")
            token = user.token("repository:app:pull")
            path = f"/v2/app/blobs/{digest}"
            headers = {"Authorization": f"Bearer {token}"}
            assert user.http.get(path, headers=headers, follow_redirects=True).content == b"layer"


def test_tls(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    trust = ssl.create_default_context(cafile=certificate)
    with Emulator(tls=(certificate, key)) as registry, httpx.Client(verify=trust, follow_redirects=True) as http:
        assert registry.url == f"https://{registry.login_server}"
        challenge = http.get(f"{registry.url}/v2/").headers["WWW-Authenticate"]
        assert challenge.startswith(f'Bearer realm="{registry.url}/oauth2/token"')
        user = User(registry)
        with user.http:
            digest = user.push_blob("app", b"layer")
            headers = {"Authorization": f"Bearer {user.token('repository:app:pull')}"}
            blob = http.get(f"{registry.url}/v2/app/blobs/{digest}", headers=headers)
        assert (blob.content, blob.url.scheme, blob.url.host) == (b"layer", "https", "localhost")
    with pytest.raises(ssl.SSLError):
        Emulator(tls=(key, certificate))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_line(tmp_path: Path, number: signal.Signals) -> None:
    command = [
        sys.executable,
        "-m",
        "acr.emulator",
        "--port",
        "0",
        "--data",
        str(tmp_path / "data"),
        "--anonymous-pull",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        assert "admin" in process.stdout.readline()
        assert plain.get(f"{url}/v2/").status_code == 401
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
    assert (tmp_path / "data" / "metadata.db").exists()


def test_command_line_with_tls(tmp_path: Path) -> None:
    files = [str(path) for path in make_certificate(tmp_path)]
    command = [sys.executable, "-m", "acr.emulator", "--tls", *files]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        assert url.startswith("https://127.0.0.1:")
        assert plain.get(f"{url}/v2/").status_code == 401
        process.terminate()
        assert process.wait(10) == 0


def test_command_line_for_people(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "acr.emulator", "--self-signed", "--password", "s3cret", "--seed", str(SEED)]
    command += ["--set", "null_pages=false", "--set", "redirect_lifetime=5", "--set", "reads_per_minute=9000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url, sign_in, certificate = (process.stdout.readline().strip() for _ in range(3))
        assert "s3cret" not in sign_in
        trust = ssl.create_default_context(cafile=certificate.removeprefix("clients have to trust "))
        with httpx.Client(base_url=url, verify=trust, auth=("admin", "s3cret")) as http:
            assert http.get("/acr/v1/_catalog").json() == {"repositories": ["library/hello-world", "team/app"]}
            assert http.get("/acr/v1/team/app/_tags?last=z").json()["tags"] == []
        process.terminate()
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    "setting", ["null_pages", "null_pages=1", "nothing=true", "clock=1", "audiences=x", "redirect_lifetime=true", "="]
)
def test_command_line_with_a_setting_that_is_none(setting: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--set", setting])
    assert "null_pages" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--seed", "nowhere"], "the seed nowhere cannot be read (No such file or directory): name a layout, or a"),
        (["--seed", __file__], "is no recipe"),
        (["--seed", "/"], "the folder names the repository, or else a recipe does"),
        (["--password", ""], "the password is empty"),
        (["--set", "trash=yes"], "trash='yes': expected one of '', 'draft', 'az'"),
        (["--set", "redirect_lifetime=-1"], "redirect_lifetime=-1.0: expected seconds from 0"),
        (["--tls", "a", "b"], "a with b cannot be used (No such file or directory): name a certificate and its key"),
        (["--tls", __file__, __file__], "cannot be used"),
        (["--tls", __file__, __file__, "--self-signed"], "do not go together"),
        (["--data", ""], "data: expected the path of a folder"),
        (["--data", f"{__file__}/data"], "data cannot be used ("),
        (["--data", "/"], "is not empty, and no emulator has made it: name another folder"),
        (["--host", "nowhere.invalid"], "cannot listen on nowhere.invalid port 0"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1 port 0"),
        (["--host", ""], "host='': expected a name or an address of this machine"),
        (["--port", "5005", "--storage-port", "5005"], "port and storage_port are both 5005"),
    ],
)
def test_command_line_with_what_cannot_be(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("acr.emulator: ")
    assert told in line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--port", "99999"], "--port: '99999': expected a port from 1 to 65535, or 0 for any free one"),
        (["--port", "abc"], "--port: 'abc': expected a port"),
        (["--port", "-1"], "--port: '-1': expected a port"),
        (["--port", "9" * 5000], "--port: "),
        (["--port", "\x1b[2J"], r"'\x1b[2J': expected a port"),
        (["--storage-port", "65536"], "--storage-port: '65536': expected a port"),
        (["--tls", "a"], "--tls: expected 2 arguments"),
        (["--prot", "1"], "unrecognized arguments: --prot 1"),
        (["data"], "unrecognized arguments: data"),
    ],
)
def test_command_line_with_what_is_no_option(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert line.endswith("(--help lists the options)")


def test_command_line_with_a_port_that_is_taken(registry: Emulator) -> None:
    port = registry.login_server.rpartition(":")[2]
    command = [sys.executable, "-m", "acr.emulator", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert f"cannot listen on 127.0.0.1 port {port} (Address already in use): name another one; port 0" in line


@pytest.mark.parametrize(
    "what", ["import runpy; runpy.run_module('acr.emulator', run_name='__main__')", "acr.emulator.Emulator"]
)
def test_without_the_extra(what: str) -> None:
    program = f"import sys; sys.modules['starlette'] = None; import acr.emulator; {what}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1
    assert "pip install 'acr-client[emulator]'" in done.stderr.splitlines()[-1]
    if "runpy" in what:
        assert len(done.stderr.splitlines()) == 1


def test_plugin_is_cheap_to_import() -> None:
    heavy = "('jwt', 'starlette', 'uvicorn')"
    program = f"import sys, acr.emulator.pytest_plugin; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.strip() == "[]"


def test_fixture(acr_emulator: Emulator) -> None:
    assert plain.get(f"{acr_emulator.url}/v2/").status_code == 401
    assert len(acr_emulator.requests) == 1


def test_fixture_gives_a_new_one(acr_emulator: Emulator) -> None:
    assert acr_emulator.requests == []


def test_the_fixture_of_a_session_is_the_same_for_all(tmp_path: Path) -> None:
    """In a session of its own: here, its tests may go to several processes."""
    (tmp_path / "test_two.py").write_text(
        "import httpx\n"
        "def test_first(acr_emulator_session):\n"
        "    assert acr_emulator_session.requests == []\n"
        "    assert httpx.get(f'{acr_emulator_session.url}/v2/').status_code == 401\n"
        "def test_second(acr_emulator_session):\n"
        "    assert len(acr_emulator_session.requests) == 1\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_exported_names() -> None:
    for name in dir(acr.emulator):
        assert getattr(acr.emulator, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = acr.emulator.Nothing  # type: ignore[attr-defined]
