"""Docker's config.json: each way in which a credential can be stored, and each way in which that can go wrong.

Helpers are real programs on a PATH of the test's own.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acr._outside.credentials.docker_config import DockerConfig
from acr._values.credentials import RefreshToken, UsernamePassword
from acr.errors import CredentialError

HOST = "my.azurecr.io"
ME = UsernamePassword("me", "hunter2")
NOBODY = "00000000-0000-0000-0000-000000000000"

Found = UsernamePassword | RefreshToken | None

needs_sh = pytest.mark.skipif(sys.platform == "win32", reason="the helpers here are shell scripts")


def auth(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the only one on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def helper(programs: Path, name: str, script: str) -> None:
    program = programs / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)


def answering(username: str, secret: str) -> str:
    """A script that answers for HOST alone, as real ones do."""
    answer = json.dumps({"ServerURL": HOST, "Username": username, "Secret": secret})
    return f"""read host
if [ "$1 $host" = "get {HOST}" ]; then echo '{answer}'
else echo 'credentials not found in native keychain'; exit 1
fi"""


def lookup(
    config: Path, content: dict[str, Any], host: str = HOST, **options: Any
) -> UsernamePassword | RefreshToken | None:
    config.write_text(json.dumps(content), encoding="utf-8")
    return DockerConfig(config, **options).lookup(host)


def refusal(config: Path, content: dict[str, Any], **options: Any) -> str:
    """The text of the error, which must hold nothing secret."""
    with pytest.raises(CredentialError) as caught:
        lookup(config, content, **options)
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"
    return str(caught.value)


@pytest.mark.parametrize(
    ("entry", "credential"),
    [
        ({"auth": auth("me", "hunter2")}, ME),
        ({"auth": auth("me", "a:b:ü")}, UsernamePassword("me", "a:b:ü")),
        ({"auth": auth("me", "hunter2\0\0")}, ME),
        ({"username": "me", "password": "hunter2"}, ME),
        ({"auth": "", "username": "me", "password": "hunter2"}, ME),
        ({"auth": auth(NOBODY, "eyJ")}, RefreshToken("eyJ")),  # as `az acr login` stores it
        ({"username": NOBODY, "password": "eyJ"}, RefreshToken("eyJ")),
        ({"identitytoken": "eyJ"}, RefreshToken("eyJ")),
        ({"auth": auth(NOBODY, ""), "identitytoken": "eyJ"}, RefreshToken("eyJ")),
        ({}, None),
        ({"auth": ""}, None),
        ({"email": "me@my.example"}, None),
    ],
)
def test_an_entry_becomes_a_credential(config: Path, entry: dict[str, str], credential: Found) -> None:
    assert lookup(config, {"auths": {HOST: entry}}) == credential


@pytest.mark.parametrize(
    ("key", "host", "found"),
    [
        (HOST, HOST, True),
        (f"https://{HOST}", HOST, True),
        (f"https://{HOST}/", HOST, True),
        (f"https://{HOST}/v2/", HOST, True),
        (f"https://{HOST}/v1/", HOST, True),
        (f"http://{HOST}", HOST, True),
        ("My.AzureCR.io", HOST, True),
        ("localhost:5000", "localhost:5000", True),
        ("http://[::1]:5000", "[::1]:5000", True),
        (f"{HOST}:443", HOST, True),
        ("localhost", "localhost:5000", False),
        ("localhost:5000", "localhost", False),
        (f"{HOST}.evil.example", HOST, False),
        (f"evil.example/{HOST}", HOST, False),
        (f"{HOST}/team", HOST, True),  # other tools keep credentials of one namespace so
        ("azurecr.io", HOST, False),
    ],
)
def test_an_entry_is_found_by_its_host(config: Path, key: str, host: str, found: bool) -> None:
    assert lookup(config, {"auths": {key: {"auth": auth("me", "hunter2")}}}, host) == (ME if found else None)


def test_the_plain_host_comes_before_its_urls(config: Path) -> None:
    entries = {f"https://{HOST}": {"auth": auth("other", "x")}, HOST: {"auth": auth("me", "hunter2")}}

    assert lookup(config, {"auths": entries}) == ME


@pytest.mark.parametrize("content", [{}, {"auths": None}, {"auths": {}}, {"auths": {"other.example": {}}}])
def test_a_registry_that_is_not_there_is_anonymous(config: Path, content: dict[str, Any]) -> None:
    assert lookup(config, content) is None


def test_without_a_file_all_registries_are_anonymous(config: Path) -> None:
    assert DockerConfig(config).lookup(HOST) is None


def test_docker_config_names_the_folder(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(config.parent))

    assert DockerConfig().path == config


@pytest.mark.parametrize("value", [None, ""])
def test_otherwise_it_is_in_the_home_folder(value: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    if value is not None:
        monkeypatch.setenv("DOCKER_CONFIG", value)

    assert DockerConfig().path == tmp_path / ".docker" / "config.json"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"auths": {"my.azurecr.io": {"username": "me", "password": "hunter2"',
        b'"hunter2"',
        b'["hunter2"]',
        b"\xffhunter2",
        b"[" * 100_000,
        b'{"hunter2": "' + b"x" * (4 * 1024 * 1024) + b'"}',
    ],
)
def test_the_content_of_a_broken_file_is_not_in_the_error(config: Path, content: bytes) -> None:
    config.write_bytes(content)
    with pytest.raises(CredentialError) as caught:
        DockerConfig(config).lookup(HOST)

    assert str(config) in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__  # json's error holds all of it


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="^cannot read "):
        DockerConfig(tmp_path).lookup(HOST)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"auths": []}, ""),  # empty, and so nothing
        ({"auths": ["hunter2"]}, "auths: expected an object, got list"),
        ({"credHelpers": "hunter2"}, "credHelpers: expected an object, got str"),
        ({"auths": {HOST: "hunter2"}}, "expected an object, got"),
        ({"auths": {HOST: {"auth": "hunter2!"}}}, "auth is not base64"),
        ({"auths": {HOST: {"auth": 5}}}, "auth is not base64"),
        ({"auths": {HOST: None}}, "expected an object, got"),
        ({"auths": {HOST: {"identitytoken": 5}}}, "identitytoken: expected text, got int"),
        ({"auths": {HOST: {"username": "me", "password": ["hunter2"]}}}, "password: expected text, got list"),
        ({"auths": {HOST: {"username": {}, "password": "hunter2"}}}, "username: expected text, got dict"),
        ({"credsStore": 3}, "credsStore: expected the name of a helper, got int"),
        ({"credsStore": ["hunter2"]}, "credsStore: expected the name of a helper, got list"),
        ({"credHelpers": {HOST: 3}}, "expected the name of a helper, got int"),
        ({"credHelpers": None}, ""),
        ({"credHelpers": {HOST: None}}, ""),
        ({"auths": {HOST: {"auth": "é"}}}, "auth is not base64"),
        ({"auths": {HOST: {"auth": base64.b64encode(b"\xff:hunter2").decode()}}}, "auth is not base64"),
        ({"auths": {HOST: {"auth": base64.b64encode(b"hunter2").decode()}}}, "auth holds no password"),
        ({"auths": {HOST: {"auth": auth("hunter2", "")}}}, "the password is empty"),
        ({"auths": {HOST: {"auth": auth("", "hunter2")}}}, "the user name is empty"),
    ],
)
def test_what_makes_no_sense_is_named_without_its_value(config: Path, content: dict[str, Any], text: str) -> None:
    if not text:
        assert lookup(config, content) is None
        return

    told = refusal(config, content)

    assert told.startswith(str(config))
    assert text in told


@needs_sh
@pytest.mark.parametrize(
    "store", [{"credsStore": "fake"}, {"credHelpers": {HOST: "fake"}}, {"credHelpers": {f"https://{HOST}": "fake"}}]
)
@pytest.mark.parametrize(
    ("username", "secret", "credential"),
    [("me", "hunter2", ME), ("<token>", "eyJ", RefreshToken("eyJ")), (NOBODY, "eyJ", RefreshToken("eyJ"))],
)
def test_a_helper_is_asked(
    config: Path, programs: Path, store: dict[str, Any], username: str, secret: str, credential: Found
) -> None:
    helper(programs, "fake", answering(username, secret))

    assert lookup(config, store) == credential


@needs_sh
def test_a_helper_is_asked_with_the_port(config: Path, programs: Path) -> None:
    helper(programs, "fake", 'read host; echo "{\\"Username\\": \\"$host\\", \\"Secret\\": \\"x\\"}"')

    assert lookup(config, {"credsStore": "fake"}, "localhost:5000") == UsernamePassword("localhost:5000", "x")


@needs_sh
def test_the_helper_of_the_registry_comes_before_the_one_of_all(config: Path, programs: Path) -> None:
    helper(programs, "mine", answering("me", "hunter2"))
    helper(programs, "all", answering("other", "x"))
    stores = {"credHelpers": {HOST: "mine"}, "credsStore": "all"}

    assert lookup(config, stores) == ME


@needs_sh
@pytest.mark.parametrize(("entries", "credential"), [({}, None), ({HOST: {"auth": auth("me", "hunter2")}}, ME)])
def test_what_a_helper_does_not_know_is_looked_up_in_the_file(
    config: Path, programs: Path, entries: dict[str, Any], credential: Found
) -> None:
    helper(programs, "fake", "echo 'credentials not found in native keychain'; exit 1")

    assert lookup(config, {"credsStore": "fake", "auths": entries}) == credential


def test_a_helper_that_is_not_there_is_named(config: Path, programs: Path) -> None:
    assert programs.exists()
    assert "docker-credential-missing, which is not on PATH" in refusal(config, {"credsStore": "missing"})


@needs_sh
@pytest.mark.parametrize("script", ["echo hunter2 >&2; exit 3", "echo hunter2; exit 3"])
def test_a_helper_that_fails_is_named_with_its_exit_code(config: Path, programs: Path, script: str) -> None:
    helper(programs, "fake", script)

    assert (
        refusal(config, {"credsStore": "fake"})
        == "the credential helper docker-credential-fake failed with exit code 3"
    )


@needs_sh
def test_a_helper_that_is_no_program_is_named(config: Path, programs: Path) -> None:
    (programs / "docker-credential-fake").write_text("hunter2", encoding="utf-8")

    assert "docker-credential-fake" in refusal(config, {"credsStore": "fake"})


@needs_sh
def test_a_helper_that_hangs_is_given_up(config: Path, programs: Path) -> None:
    helper(programs, "fake", "while :; do :; done")

    assert "TimeoutExpired" in refusal(config, {"credsStore": "fake"}, helper_timeout=0.05)


@needs_sh
@pytest.mark.parametrize("script", ["while :; do echo hunter2; done", "yes hunter2 | head -c 1100000", "cat /dev/zero"])
def test_a_helper_that_prints_too_much_is_given_up(
    config: Path, programs: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.defpath}")
    helper(programs, "fake", script)

    assert refusal(config, {"credsStore": "fake"}).endswith("docker-credential-fake failed: PrintsTooMuch")


@needs_sh
def test_a_helper_may_print_what_real_ones_print(config: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also to the other side, to which nobody listens."""
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.defpath}")
    answer = json.dumps({"Username": "me", "Secret": "x" * 500_000})
    (programs / "answer").write_text(answer, encoding="utf-8")
    helper(programs, "fake", f"yes noise | head -c 1000000 >&2; cat {programs / 'answer'}")

    assert lookup(config, {"credsStore": "fake"}) == UsernamePassword("me", "x" * 500_000)


@needs_sh
def test_what_a_helper_leaves_running_is_not_waited_for(
    config: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as an agent, which keeps what the helper prints to open."""
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.defpath}")
    helper(programs, "fake", "sleep 5 &\nexec sleep 5")

    assert "TimeoutExpired" in refusal(config, {"credsStore": "fake"}, helper_timeout=0.05)


@needs_sh
def test_a_helper_that_does_not_read_is_heard(config: Path, programs: Path) -> None:
    helper(programs, "fake", 'exec <&-; echo "{\\"Username\\": \\"me\\", \\"Secret\\": \\"hunter2\\"}"')

    assert lookup(config, {"credsStore": "fake"}) == ME


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_named_pipe_is_not_waited_for(config: Path) -> None:
    """Nobody ever writes to it."""
    os.mkfifo(config)
    with pytest.raises(CredentialError, match="cannot read .*: expected a regular file"):
        DockerConfig(config).lookup(HOST)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there are no devices")
def test_a_device_is_not_read() -> None:
    with pytest.raises(CredentialError, match="/dev/zero: expected a regular file"):
        DockerConfig(Path("/dev/zero")).lookup(HOST)


@needs_sh
def test_a_link_to_a_file_is_read(config: Path) -> None:
    (config.parent / "real").write_text(json.dumps({"auths": {HOST: {"auth": auth("me", "hunter2")}}}), "utf-8")
    config.symlink_to("real")

    assert DockerConfig(config).lookup(HOST) == ME


@needs_sh
@pytest.mark.parametrize(
    "answer",
    [
        "",
        "hunter2",
        '["hunter2"]',
        '"hunter2"',
        "null",
        '{"Username": "hunter2"}',
        '{"Secret": "hunter2"}',
        '{"Username": null, "Secret": "hunter2"}',
        '{"Username": "me", "Secret": ["hunter2"]}',
        "\\377hunter2",
    ],
)
def test_a_helper_that_prints_garbage_is_named_without_it(config: Path, programs: Path, answer: str) -> None:
    helper(programs, "fake", f"printf '{answer}'")

    assert refusal(config, {"credsStore": "fake"}).endswith("docker-credential-fake gave no usable answer")


@needs_sh
@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/bin/evil",
        "x/../../evil",
        "a/b",
        "a\\b",
        "..",
        ".hidden",
        "-x",
        "a b",
        "a;b",
        "$(evil)",
        "a\n",
        "a\0",
        "é",
    ],
)
@pytest.mark.parametrize("everywhere", [True, False])
def test_a_helper_whose_name_is_more_than_a_name_is_not_run(
    config: Path, programs: Path, monkeypatch: pytest.MonkeyPatch, name: str, everywhere: bool
) -> None:
    monkeypatch.chdir(programs)
    (programs / "docker-credential-..").mkdir()
    (programs / "docker-credential-x").mkdir()
    (programs / "evil").write_text("#!/bin/sh\n: > ran\n", encoding="utf-8")
    (programs / "evil").chmod(0o755)
    stores = {"credsStore": name} if everywhere else {"credHelpers": {HOST: name}}

    assert "names an unusable credential helper" in refusal(config, stores)
    assert not (programs / "ran").exists()


def test_a_repr_holds_no_secret(config: Path) -> None:
    found = lookup(config, {"auths": {HOST: {"auth": auth("me", "hunter2")}}})

    assert repr(found) == "UsernamePassword(username='me')"
    assert "eyJ" not in repr(RefreshToken("eyJ"))


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("my.azurecr.io:443", HOST),
        ("https://my.azurecr.io:443/v2/", HOST),
        ("my.azurecr.io/team-a", HOST),
        ("https://index.docker.io/v1/", "docker.io"),
        ("https://index.docker.io/v1/", "registry-1.docker.io"),
        ("docker.io", "index.docker.io"),
    ],
)
def test_keys_as_programs_write_them(config: Path, key: str, host: str) -> None:
    auths = {"other.example": {"auth": auth("not", "me")}, key: {"auth": auth("me", "pw")}}
    assert lookup(config, {"auths": auths}, host) == UsernamePassword("me", "pw")


def test_an_entry_of_the_whole_host_comes_before_one_of_a_part(config: Path) -> None:
    auths = {"my.azurecr.io/team-a": {"auth": auth("part", "pw")}, HOST: {"auth": auth("whole", "pw")}}
    assert lookup(config, {"auths": auths}) == UsernamePassword("whole", "pw")


def test_several_parts_of_a_host_are_told_apart_by_the_caller(config: Path) -> None:
    auths = {f"my.azurecr.io/team-{one}": {"auth": auth(one, "hunter2")} for one in "ab"}
    assert re.search(r"my\.azurecr\.io/team-a.*UsernamePassword", refusal(config, {"auths": auths}))


@pytest.mark.parametrize(
    "form",
    [
        lambda text: f"{text[:8]}\r\n{text[8:]}\n",
        lambda text: text.rstrip("="),
        lambda text: text.replace("+", "-").replace("/", "_"),
        lambda text: text.replace("+", "-").replace("/", "_").rstrip("="),
    ],
)
def test_auth_as_scripts_write_it(config: Path, form: Callable[[str], str]) -> None:
    password = "pa>?>?ss~~~"  # in base64 it has both a plus and a slash
    content = {"auths": {HOST: {"auth": form(auth("me", password))}}}
    assert lookup(config, content) == UsernamePassword("me", password)


def test_without_a_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(CredentialError, match="set DOCKER_CONFIG"):
        DockerConfig()
    assert DockerConfig(tmp_path / "config.json").lookup(HOST) is None


@pytest.mark.parametrize("host", ["MY.azurecr.io", "my.azurecr.io:443"])
def test_a_host_is_found_however_it_is_written(config: Path, host: str) -> None:
    assert lookup(config, {"auths": {HOST: {"auth": auth("me", "hunter2")}}}, host) == ME


@needs_sh
@pytest.mark.parametrize("host", ["MY.azurecr.io", "my.azurecr.io:443"])
def test_a_helper_is_asked_as_docker_asks_it(config: Path, programs: Path, host: str) -> None:
    helper(programs, "one", answering("me", "hunter2"))
    assert lookup(config, {"credsStore": "one"}, host) == ME


@needs_sh
@pytest.mark.parametrize("host", ["docker.io", "index.docker.io", "registry-1.docker.io"])
def test_the_login_to_docker_hub_is_found_in_a_helper(config: Path, programs: Path, host: str) -> None:
    """`docker login` stores it under a URL."""
    helper(programs, "one", answering("me", "hunter2").replace(HOST, "https://index.docker.io/v1/"))
    assert lookup(config, {"credsStore": "one"}, host) == ME
