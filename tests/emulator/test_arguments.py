"""Each argument that cannot be right is told at once, with what was expected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acr import AcrError
from acr.emulator import Emulator, Settings
from acr.errors import InvalidInput
from tests.certificate import make_certificate

BOTH_PORTS = "expected a port from 1 to 65535, or 0 for any free one"
COUNT = "expected a whole number from 0 to 2147483648"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"port": 99999}, f"Emulator.port=99999: {BOTH_PORTS}"),
        ({"port": -1}, BOTH_PORTS),
        ({"port": "5000"}, BOTH_PORTS),
        ({"port": True}, BOTH_PORTS),
        ({"port": 1.5}, BOTH_PORTS),
        ({"storage_port": 65536}, f"Emulator.storage_port=65536: {BOTH_PORTS}"),
        ({"port": 5005, "storage_port": 5005}, "port and storage_port are both 5005"),
        ({"host": ""}, "Emulator.host='': expected a name or an address of this machine"),
        ({"host": 5}, "host=5: expected a name"),
        ({"host": "a\0b"}, "expected a name"),
        ({"host": "\udcff"}, "expected a name"),
        ({"host": "a" * 64}, "expected a name"),
        ({"data": ""}, "data: expected the path of a folder, got ''"),
        ({"data": 5}, "data: expected the path of a folder, got 5"),
        ({"data": "a\0b"}, "data: expected the path of a folder"),
        ({"data": b"data"}, "data: expected the path of a folder"),
        ({"seed": ""}, "seed: expected the path of a layout or a recipe, got ''"),
        ({"seed": 5}, "seed: expected the path"),
        ({"tls": "cert.pem"}, "tls: expected the paths of a certificate and of its key, got 'cert.pem'"),
        ({"tls": ("cert.pem",)}, "tls: expected the paths"),
        ({"tls": ("cert.pem", None)}, "tls: expected the paths"),
        ({"tls": 5}, "tls: expected the paths"),
        ({"self_signed": "no"}, "self_signed='no': expected True or False"),
        ({"password": ""}, "the password is empty"),
        ({"password": 5}, "password: expected a password as text, got int"),
        ({"password": b"secret"}, "password: expected a password as text, got bytes"),
        ({"password": "secret\udcff"}, "password: UTF-8 cannot write the password"),
        ({"anonymous_pull": "no"}, "anonymous_pull='no': expected True or False"),
        ({"null_pages": None}, "null_pages=None: expected True or False"),
        ({"audiences": "https://a.example"}, "audiences: expected a list of texts, got 'https://a.example'"),
        ({"audiences": [5]}, "audiences: expected a list of texts"),
        ({"audiences": 5}, "audiences: expected a list of texts"),
        ({"clock": 5}, "clock=5: expected a function"),
        ({"trash": "yes"}, "trash='yes': expected one of '', 'draft', 'az'"),
        ({"access_lifetime": "5"}, "access_lifetime='5': expected seconds from 0 to 3153600000 (100 years)"),
        ({"refresh_lifetime": None}, "refresh_lifetime=None: expected seconds"),
        ({"redirect_lifetime": True}, "redirect_lifetime=True: expected seconds"),
        ({"abac": "no"}, "abac='no': expected True or False"),
        ({"quarantine": 1}, "quarantine=1: expected True or False"),
        ({"replica_lag": -1}, "replica_lag=-1: expected seconds from 0 to 3153600000 (100 years)"),
        ({"replica_lag": "10"}, "replica_lag='10': expected seconds"),
        ({"catalog_breaks_after": -1}, f"catalog_breaks_after=-1: {COUNT}"),
        ({"catalog_breaks_after": None}, f"catalog_breaks_after=None: {COUNT}"),
        ({"reads_per_minute": "2500"}, f"reads_per_minute='2500': {COUNT}"),
        ({"writes_per_minute": 1.5}, f"writes_per_minute=1.5: {COUNT}"),
        ({"deletes_per_minute": True}, f"deletes_per_minute=True: {COUNT}"),
        ({"referrers_per_minute": 2**32}, f"referrers_per_minute=4294967296: {COUNT}"),
        ({"tokens_per_minute": None}, f"tokens_per_minute=None: {COUNT}"),
    ],
)
def test_an_emulator(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Emulator(**arguments)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)
    if arguments.keys() <= Settings.__annotations__.keys():
        with pytest.raises(InvalidInput):
            Settings(**arguments)


def test_a_key_with_a_password_is_refused_and_not_asked_for(tmp_path: Path) -> None:
    """OpenSSL would ask on the terminal, and wait."""
    from cryptography.hazmat.primitives import serialization

    certificate, key = make_certificate(tmp_path)
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(InvalidInput, match="has a password"):
        Emulator(tls=(certificate, key))


NO_SCOPE = "is no scope: expected repository:NAME:ACTION,ACTION or registry:catalog:*"
NO_NAME = "expected a name such as team/app, or a beginning and *"
SCOPES: list[tuple[Any, str]] = [
    ("repository:app:pull", "scopes: expected a list of texts, got 'repository:app:pull'"),
    (None, "scopes: expected a list of texts, got None"),
    ([5], "scopes: expected a list of texts"),
    ({"repository:app:pull": True}, "scopes: expected a list of texts"),
    (["app:pull"], f"'app:pull' {NO_SCOPE}"),
    (["pull"], NO_SCOPE),
    (["registry:x:*"], NO_SCOPE),
    (["repository::pull"], NO_SCOPE),
    (["registry:catalog:pull"], NO_SCOPE),
    (
        ["repository:app:pull,fly"],
        "'repository:app:pull,fly': no action 'fly'; expected are pull, push, delete, metadata_read, metadata_write",
    ),
    (["repository:app:"], "no action ''"),
    (["repository:app:pull,"], "no action ''"),
    (["repository:app:Pull"], "no action 'Pull'"),
    (["repository:Team/App:pull"], f"'repository:Team/App:pull': no repository 'Team/App'; {NO_NAME}"),
    (["repository:a/*/b:pull"], NO_NAME),
    (["repository:a//*:pull"], NO_NAME),
    (["repository:**:pull"], NO_NAME),
    (["repository:my.example:5000/app:pull"], NO_NAME),
]


@pytest.mark.parametrize(("scopes", "told"), SCOPES)
def test_scopes(scopes: Any, told: str) -> None:
    registry = Emulator()
    calls: list[Callable[[], object]] = [lambda: registry.add_token("ci", "secret", scopes)]
    if scopes is not None:  # a credential without scopes may do everything
        calls += [lambda: registry.credential(scopes=scopes), lambda: registry.async_credential(scopes=scopes)]
    for call in calls:
        with pytest.raises(InvalidInput) as caught:
            call()
        assert told in str(caught.value)
    registry.stop()


@pytest.mark.parametrize(
    "scope",
    [
        "repository:app:pull",
        "repository:team/app:*",
        "repository:*:pull,push,delete,metadata_read,metadata_write",
        "repository:team/*:pull",
        "repository:team/app-*:pull",
        "repository:a:pull repository:b:pull",
        "registry:catalog:*",
    ],
)
def test_scopes_that_can_be_granted(scope: str) -> None:
    registry = Emulator()
    registry.add_token("ci", "secret", [scope])
    registry.credential(scopes=[scope])
    registry.stop()


@pytest.mark.parametrize(
    ("name", "password", "told"),
    [
        ("", "secret", "name='': expected a text without colons"),
        ("a:b", "secret", "name='a:b': expected a text without colons"),
        ("a\n", "secret", "expected a text without colons and control characters"),
        ("a\udcff", "secret", "expected a text without colons and control characters"),
        (5, "secret", "name=5: expected a text"),
        ("admin", "secret", "the registry has this name for itself: take another one"),
        ("00000000-0000-0000-0000-000000000000", "secret", "the registry has this name for itself"),
        ("ci", "", "token ci: the password is empty"),
        ("ci", None, "token ci: expected a password as text, got NoneType"),
        ("ci", b"secret", "token ci: expected a password as text, got bytes"),
        ("ci", "secret\udcff", "token ci: UTF-8 cannot write the password"),
    ],
)
def test_names_and_passwords_of_a_token(name: Any, password: Any, told: str) -> None:
    registry = Emulator()
    with pytest.raises(InvalidInput) as caught:
        registry.add_token(name, password, [])
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)
    registry.stop()


@pytest.mark.parametrize("lifetime", ["5", None, True, float("nan"), float("inf"), 1e30])
def test_a_credential(lifetime: Any) -> None:
    registry = Emulator()
    with pytest.raises(InvalidInput, match="lifetime=.*: expected a number of seconds"):
        registry.credential(lifetime=lifetime)
    wrong: Any
    for wrong in ((), (5,)):
        with pytest.raises(InvalidInput, match="get_token: expected a scope, such as https://"):
            registry.credential().get_token(*wrong)
    registry.stop()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "a fault needs one of status, drop and drop_after, or a delay alone"),
        ({"status": 500, "drop": True}, "a fault needs one of"),
        ({"delay": 1, "after": True}, "after goes with drop or status"),
        ({"status": 500, "times": -1}, "times=-1: expected a whole number from 0 on"),
        ({"status": 500, "times": "2"}, "times='2': expected a whole number"),
        ({"status": 99}, "status=99: expected a status from 200 to 999, or None"),
        ({"status": 101}, "status=101: expected a status"),
        ({"status": "500"}, "status='500': expected a status"),
        ({"status": 500, "method": 5}, "method=5: expected a method, or None"),
        ({"status": 500, "origin": "blobs"}, "origin='blobs': expected one of 'registry', 'storage', None"),
        ({"status": 500, "path_contains": None}, "path_contains=None: expected a text"),
        ({"status": 500, "body": "busy"}, "body='busy': expected bytes"),
        ({"status": 500, "headers": ["a"]}, "headers=['a']: expected a mapping of names to texts"),
        ({"status": 500, "headers": {"Retry-After": 5}}, "headers: Retry-After: expected a text in Latin-1"),
        ({"status": 500, "headers": {"X": "a\r\nY: b"}}, "headers: X: expected a text in Latin-1 without line ends"),
        ({"status": 500, "headers": {"X": "\u20ac"}}, "headers: X: expected a text in Latin-1"),
        ({"status": 500, "headers": {"X\n": "b"}}, "is no name of a header"),
        ({"drop": 1}, "drop=1: expected True or False"),
        ({"drop_after": -1}, "drop_after=-1: expected a whole number from 0 on"),
        ({"delay": -1}, "delay=-1: expected seconds, a day at most"),
        ({"delay": float("nan")}, "expected seconds"),
        ({"delay": "1"}, "expected seconds"),
    ],
)
def test_a_fault(arguments: dict[str, Any], told: str) -> None:
    registry = Emulator()
    with pytest.raises(InvalidInput) as caught:
        registry.fail(**arguments)
    assert told in str(caught.value)
    registry.stop()


def test_all_of_them_are_errors_of_this_package() -> None:
    assert issubclass(InvalidInput, AcrError)
    assert issubclass(InvalidInput, ValueError)
