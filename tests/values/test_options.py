"""Options: how long a client waits, and when it gives up."""

from __future__ import annotations

from typing import Any

import pytest

import acr
from acr._values.options import Retries, Timeouts
from tests.twin import Twin

WHOLE = Retries(limit=20, base=0.5, cap=60, jitter=lambda: 1.0)


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(0, 0.5), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (19, 60), (20, None)]
)
def test_the_wait_doubles_up_to_the_cap(attempt: int, seconds: float | None) -> None:
    assert WHOLE.delay(attempt) == seconds


@pytest.mark.parametrize("jitter", [0.0, 0.25, 1.0])
def test_jitter_is_a_share_of_the_whole_wait(jitter: float) -> None:
    assert Retries(jitter=lambda: jitter).delay(2) == 2 * jitter


def test_without_a_jitter_of_ones_own_the_wait_is_random_below_the_whole() -> None:
    waits = [Retries().delay(1) for _ in range(100)]

    assert all(wait is not None and 0 <= wait <= 1 for wait in waits)


@pytest.mark.parametrize("retry_after", [0, 0.1, 5, 60])
def test_what_the_registry_asks_for_is_obeyed_without_jitter(retry_after: float) -> None:
    assert Retries(cap=60, jitter=lambda: 0.5).delay(0, retry_after) == retry_after


@pytest.mark.parametrize("retry_after", [60.001, 3600, 1e300])
def test_what_is_above_the_cap_is_not_waited_for(retry_after: float) -> None:
    assert Retries(cap=60).delay(0, retry_after) is None


@pytest.mark.parametrize(("limit", "attempt"), [(0, 0), (4, 4), (4, 5)])
def test_the_limit_ends_it_whatever_the_registry_asks_for(limit: int, attempt: int) -> None:
    assert Retries(limit=limit).delay(attempt) is None
    assert Retries(limit=limit).delay(attempt, retry_after=0) is None


def test_waits_may_be_off() -> None:
    assert Retries(base=0).delay(3) == 0


def test_very_many_repetitions_do_not_overflow() -> None:
    assert Retries(limit=10_000, jitter=lambda: 1.0).delay(9_999) == 60


def test_options_are_named_and_fixed() -> None:
    with pytest.raises(TypeError):
        Retries(4)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        Timeouts().read = 5  # type: ignore[misc]


@pytest.mark.parametrize("value", [-1, None, "3", True, 1.5])
def test_a_number_of_retries_is_a_whole_number(value: Any) -> None:
    with pytest.raises(acr.InvalidInput, match=r"Retries\.limit=.*: expected a whole number from 0 on$"):
        acr.Retries(limit=value)


@pytest.mark.parametrize("name", ["base", "cap"])
@pytest.mark.parametrize("value", [-1, None, "3", True, float("nan")])
def test_a_wait_is_a_number(name: str, value: Any) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(acr.InvalidInput, match=rf"Retries\.{name}=.*: expected a number from 0 on$"):
        acr.Retries(**options)


def test_jitter_is_a_function() -> None:
    jitter: Any = 0.5
    with pytest.raises(acr.InvalidInput, match=r"Retries\.jitter=0\.5: expected a function, or None$"):
        acr.Retries(jitter=jitter)


@pytest.mark.parametrize("name", ["size", "reserve"])
@pytest.mark.parametrize("value", [-1, None, "1", True, 1.5, float("nan")])
def test_a_limit_of_unpacking_is_a_whole_number(name: str, value: Any) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(acr.InvalidInput, match=rf"UnpackLimits\.{name}=.*: expected a whole number from 0 on$"):
        acr.UnpackLimits(**options)


@pytest.mark.parametrize("value", [-0.1, None, "1", True, float("nan"), float("inf")])
def test_a_ratio_of_unpacking_is_a_number(value: Any) -> None:
    with pytest.raises(acr.InvalidInput, match=r"UnpackLimits\.ratio=.*: expected a number from 0 on$"):
        acr.UnpackLimits(ratio=value)


@pytest.mark.parametrize("value", [0, -1, None, "a", True, float("nan"), float("inf")])
def test_the_time_of_a_helper_is_a_number(value: Any) -> None:
    with pytest.raises(acr.InvalidInput, match=r"DockerConfig\.helper_timeout=.*: expected a number of seconds"):
        acr.DockerConfig("config.json", helper_timeout=value)


@pytest.mark.parametrize("options", [{"user_agent": 5}, {"token_hosts": 5}])
def test_an_option_of_another_type_is_refused_at_once(twin: Twin, options: dict[str, Any]) -> None:
    with pytest.raises(acr.InvalidInput, match=f"{next(iter(options))}=.?5"):
        twin.connect("my.azurecr.io", **options)
