"""Credentials: which one goes where; `login`, `logout`, `token`, `whoami` and `doctor`."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

import acr
from acr.cli._access import Clients
from acr.emulator import Emulator
from tests.cli.conftest import Acr, call


def credential_of(*words: str, content: bytes = b"") -> str:
    done = call(["whoami", *words, "-o", "json", "--retries", "0"], content=content)
    assert done.code == 0, done.err
    source: str = done.json["credential"]
    return source


@pytest.fixture
def entra(acr_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody is signed in to az, and the emulator stands for a registry of Azure."""
    monkeypatch.setattr(acr, "default_credential", acr_emulator.credential, raising=False)
    monkeypatch.setattr(Clients, "may_have_entra_tokens", lambda *_: True)


def test_the_order_of_credentials(
    acr_here: Acr, acr_emulator: Emulator, entra: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, password = acr_emulator.login_server, acr_emulator.password.encode()
    assert "ACR_PASSWORD" in credential_of()
    assert credential_of("--username", "admin", "--password-stdin", content=password) == "the command line"
    assert "anonymous" in credential_of("--anonymous")
    monkeypatch.delenv("ACR_USERNAME")
    monkeypatch.delenv("ACR_PASSWORD")
    assert "Entra" in credential_of()
    assert call(["login", host, "-u", "admin", "--password-stdin"], content=password).code == 0
    assert "docker's config" in credential_of()
    assert call(["logout", host]).code == 0
    assert "Entra" in credential_of()
    with acr.Registry(acr_emulator.url, acr_emulator.credential()) as registry:
        token = registry.refresh_token()
    monkeypatch.setenv("ACR_TOKEN", token)
    assert "ACR_TOKEN" in credential_of()
    assert credential_of("--token-stdin", content=token.encode()) == "the command line"


def test_secrets_of_the_environment_go_to_the_registry_that_it_names_alone(acr_here: Acr) -> None:
    with Emulator(anonymous_pull=True) as other:
        for words in ([other.login_server], ["--registry", other.login_server]):
            assert credential_of(*words).startswith("anonymous")
        asked = call(["ls", f"{other.login_server}/app", "--retries", "0"])
        assert asked.code == 1
        assert "404" in asked.err  # and not that the password is wrong


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("https://my.azurecr.io", True),
        ("https://my.azurecr.cn", True),
        ("https://my.azurecr.us", True),
        ("https://my.westeurope.geo.azurecr.io", True),
        ("https://MY.AZURECR.IO", True),
        ("https://mine.example.com", True),
        ("https://my.azurecr.xyz", False),
        ("https://my.azurecr.io.example.com", False),
        ("https://azurecr.io.evil.com", False),
        ("https://evilazurecr.io", False),
        ("https://registry.example.com", False),
        ("https://localhost:5000", False),
        ("http://my.azurecr.io", False),
        ("http://mine.example.com", False),
    ],
)
def test_entra_tokens_go_to_azure_and_to_hosts_of_the_user_s_config_alone(
    home: Path, host: str, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from argparse import Namespace

    from acr.cli._config import load
    from acr.cli._output.terminal import Terminal
    from acr.cli._references import Names

    folder = home / "home" / ".config" / "acr"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('entra_hosts = ["mine.example.com"]\n')
    for name in ("acr.toml", "config.toml", "pyproject.toml"):  # of the working folder: somebody else's
        Path(name).write_text('entra_hosts = ["registry.example.com"]\n[tool.acr]\nentra_hosts = ["localhost:5000"]\n')
    config = load(os.environ)
    options = Namespace(debug=False, anonymous=False, username=None, password_stdin=False, token_stdin=False)
    clients = Clients(options, Terminal(), config, Names(options, {}, config))
    entra = acr.RefreshToken("it")
    monkeypatch.setattr(acr, "default_credential", lambda: entra, raising=False)
    assert (clients.credential(host).credential is entra) is allowed


def test_the_registry_of_the_config(
    acr_here: Acr, app: acr.Repository, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "mine.toml").write_text(f'registry = "{os.environ["ACR_REGISTRY"]}"\n')
    monkeypatch.delenv("ACR_REGISTRY")
    assert "which registry" in call(["ls"]).err
    monkeypatch.setenv("ACR_CONFIG", str(home / "mine.toml"))
    assert call(["ls"]).lines == ["team/app"]
    for content in ("registry = 5", "regsitry = 'x'", "[", "entra_hosts = 'x'"):
        (home / "mine.toml").write_text(content)
        assert call(["ls"]).code == 2


def test_login_stores_what_docker_reads(acr_here: Acr, acr_emulator: Emulator, home: Path, entra: None) -> None:
    path = home / "home" / ".docker" / "config.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"auths": {"other.example.com": {"auth": "YTpi"}}, "psFormat": "x"}')
    host = acr_emulator.login_server
    done = acr_here("login", host)
    assert (done.code, done.out) == (0, "")
    stored = json.loads(path.read_text())
    assert stored["psFormat"] == "x"
    assert stored["auths"]["other.example.com"] == {"auth": "YTpi"}
    assert isinstance(acr.DockerConfig(path).lookup(host), acr.RefreshToken)
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["config.json"]
    assert acr_here("logout", host).code == 0
    assert host not in json.loads(path.read_text())["auths"]
    assert "has none" in acr_here("logout", host).err


def test_a_wrong_password_is_not_stored(acr_here: Acr, acr_emulator: Emulator, home: Path) -> None:
    done = acr_here("login", acr_emulator.login_server, "-u", "admin", "--password-stdin", content=b"wrong-secret")
    assert done.code == 5
    assert "wrong-secret" not in done.err
    assert not (home / "home" / ".docker").exists()


@pytest.mark.skipif(os.name == "nt", reason="the helper is a script")
def test_login_by_a_helper(acr_here: Acr, acr_emulator: Emulator, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "bin").mkdir()
    helper = home / "bin" / "docker-credential-test"
    program = """
import json, pathlib, sys
store = pathlib.Path(sys.argv[0]).with_name("store.json")
known = json.loads(store.read_text()) if store.exists() else {}
asked = sys.stdin.read()
if sys.argv[1] == "store":
    known[json.loads(asked)["ServerURL"]] = json.loads(asked)
elif sys.argv[1] == "erase":
    known.pop(asked, None)
elif asked in known:
    print(json.dumps(known[asked]))
else:
    print("credentials not found in native keychain")
    sys.exit(1)
store.write_text(json.dumps(known))
"""
    helper.write_text(f"#!{sys.executable}\n{program}")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}")
    config = home / "home" / ".docker" / "config.json"
    config.parent.mkdir(parents=True)
    config.write_text('{"credsStore": "test"}')
    host, secret = acr_emulator.login_server, acr_emulator.password
    done = acr_here("login", host, "-u", "admin", "--password-stdin", content=secret.encode() + b"\n")
    assert "docker-credential-test" in done.err
    assert secret not in config.read_text()
    assert acr.DockerConfig(config).lookup(host) == acr.UsernamePassword("admin", secret)
    assert acr_here("logout", host).code == 0
    assert acr.DockerConfig(config).lookup(host) is None


@pytest.mark.parametrize(
    "words",
    [
        ["--password-stdin"],
        ["-u", "admin"],
        ["-u", "admin", "--password", "secret-1"],
        ["-u", "admin", "-p", "secret-1"],
        ["-u", "admin", "--password-stdin", "--token-stdin"],
        ["-u", "admin", "--password-stdin"],
        ["--ca-file", "nothing.pem"],
    ],
    ids=" ".join,
)
def test_odd_credentials_are_usage_errors(acr_here: Acr, words: list[str]) -> None:
    done = acr_here("ls", *words)
    assert done.code == 2
    assert "secret-1" not in done.out


def test_who_is_not_signed_in(acr_here: Acr, app: acr.Repository) -> None:
    done = acr_here("tags", "team/app", "--anonymous")
    assert done.code == 5
    assert "acr login" in done.err
    as_json = acr_here("tags", "team/app", "--anonymous", "-o", "json")
    error = json.loads(as_json.err)["error"]
    assert (as_json.out, error["code"], error["status"]) == ("", 5, 401)
    assert error["correlation_id"]


def test_tokens(acr_here: Acr, acr_emulator: Emulator, entra: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACR_USERNAME")
    monkeypatch.delenv("ACR_PASSWORD")
    refresh = acr_here("token").lines[0]
    with acr.Registry(acr_emulator.url, acr.RefreshToken(refresh)) as registry:
        assert registry.check("a").actions
    access = acr_here("token", "--scope", "repository:a:pull", "-o", "json").json
    assert sorted(access) == ["access_token", "registry"]
    assert acr_here("token", "--scope", "nonsense").code == 2


def test_doctor(acr_here: Acr, app: acr.Repository, acr_emulator: Emulator) -> None:
    done = acr_here("doctor", "--repository", "team/app", "-o", "json")
    checks = {one["check"]: one for one in done.json["checks"]}
    assert {name: one["status"] for name, one in checks.items() if one["status"] != "ok"} == {}
    assert set(checks) == {
        "proxy",
        "dns",
        "registry",
        "clock",
        "credential",
        "actions",
        "catalog",
        "blobs",
        "rate limits",
    }
    assert acr_emulator.password not in done.out
    assert "eyJ" not in done.out
    acr_emulator.fail(origin="storage", status=403)
    broken = acr_here("doctor", "--repository", "team/app", "--retries", "0")
    assert broken.code == 1
    assert "blob.core.windows.net" in broken.out
    assert "warning" in acr_here("doctor", "--anonymous").out
    assert acr_here("doctor", "--anonymous", "--exit-code").code == 4


def test_doctor_without_a_registry(home: Path) -> None:
    nowhere = call(["doctor", "nowhere.invalid", "-o", "json", "--retries", "0"])
    assert nowhere.code == 1
    assert nowhere.json["checks"][-1]["check"] == "dns"
    assert nowhere.json["checks"][-1]["cure"]
    dead = call(["doctor", "localhost:1", "--retries", "0"])
    assert dead.code == 1
    assert "registry: failed" in dead.out


def test_doctor_of_a_clock_that_is_wrong(acr_here: Acr, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime, timedelta

    ahead = datetime.now(UTC) + timedelta(minutes=20)
    monkeypatch.setattr("acr.cli._checks.parsedate_to_datetime", lambda _: ahead)
    done = acr_here("doctor", "--exit-code")
    assert done.code == 4
    assert "behind" in done.out


def test_doctor_of_a_registry_with_its_own_certificate(home: Path) -> None:
    with Emulator(self_signed=True) as emulator:
        words = ["doctor", emulator.url, "-u", "admin", "--password-stdin", "--retries", "0"]
        done = call(words, content=emulator.password.encode())
        assert done.code == 1
        assert "--ca-file" in done.out
        trusted = call([*words, "--ca-file", str(emulator.certificate)], content=emulator.password.encode())
        assert trusted.code == 0, trusted.out
        assert "TLSv1.3" in trusted.out
