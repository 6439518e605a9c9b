"""Faults on purpose: the next matching requests get another answer, a late one, half of one, or none."""

import threading
from collections.abc import Mapping
from typing import Any, Final

import attrs
from attrs.validators import optional

from acr._values.arguments import check_count, number, whole_number
from acr._values.home import public_in
from acr.emulator._arguments import headers, of_type, one_of, true_or_false
from acr.emulator._server.records import Origin
from acr.errors import InvalidInput

_LONGEST_DELAY: Final = 86_400


def _times(fault: object, field: "attrs.Attribute[Any]", value: int) -> None:
    # Users know this field by the argument of `Emulator.fail`.
    check_count("times", value, least=0)


def _upper(method: str | None) -> str | None:
    return method.upper() if isinstance(method, str) else method


@public_in("acr.emulator")
@attrs.define(kw_only=True)
class Fault:
    """What goes wrong, and with which requests. `Emulator.fail` makes it, and describes its fields.

    Attributes:
        left: for how many requests it still waits.
    """

    left: int = attrs.field(validator=_times)
    method: str | None = attrs.field(converter=_upper, validator=optional(of_type(str, "a method, or None")))
    path_contains: str = attrs.field(validator=of_type(str, "a text"))
    origin: Origin | None = attrs.field(validator=one_of("registry", "storage", None))
    status: int | None = attrs.field(validator=optional(whole_number(200, 999, "a status from 200 to 999, or None")))
    headers: Mapping[str, str] = attrs.field(validator=headers)
    body: bytes = attrs.field(validator=of_type(bytes, "bytes"))
    drop: bool = attrs.field(validator=true_or_false)
    drop_after: int | None = attrs.field(validator=optional(whole_number(0)))
    after: bool = attrs.field(validator=true_or_false)
    delay: float = attrs.field(validator=number(lambda value: 0 <= value <= _LONGEST_DELAY, "seconds, a day at most"))

    def __attrs_post_init__(self) -> None:
        ways = [self.status is not None, self.drop, self.drop_after is not None]
        if sum(ways) > 1 or not (any(ways) or self.delay):
            raise InvalidInput("a fault needs one of status, drop and drop_after, or a delay alone")
        if self.after and not (self.drop or self.status is not None):
            raise InvalidInput("after goes with drop or status: the operation is done, its answer is lost")

    def fits(self, method: str, paths: tuple[str, str], origin: Origin) -> bool:
        """Whether it is for a request; `paths` is how the path was sent, and the same with its escapes undone."""
        return (
            self.left > 0
            and self.method in (None, method)
            and self.origin in (None, origin)
            and any(self.path_contains in path for path in paths)
        )


class Faults:
    """The faults that wait. Added by the test's thread, taken by the serving one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let a fault wait."""
        with self._lock:
            self._waiting.append(fault)

    def take(self, method: str, paths: tuple[str, str], origin: Origin) -> Fault | None:
        """The first fault that fits a request; it counts as happened."""
        with self._lock:
            for fault in self._waiting:
                if fault.fits(method, paths, origin):
                    fault.left -= 1
                    return fault
            return None

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._waiting.clear()
