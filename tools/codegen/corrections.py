"""What the wire contradicts in a description, put right. `spec/corrections.yaml` has the list, and explains its fields.

Each action knows what it finds before and what holds after it. So a run tells three kinds apart: an action that was
applied; one that upstream has made its own, which is to be dropped; and one that fits no longer, so that someone must
look at it. None is a crash, and nothing is ever there twice.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .canonical import tidy
from .places import ABSENT, Spot, find
from .problems import Refused
from .reading import own

if TYPE_CHECKING:
    from .canonical import Form

FIELDS: Final = {"at", "form", "given", "before", "after", "rename", "why", "seen"}
APPLIED, ALREADY, UNFIT = "applied", "already so upstream", "no longer fits"


@dataclass(frozen=True)
class Correction:
    """One action of the list. The file explains the fields."""

    number: int
    at: tuple[str, ...]
    why: str
    seen: str
    form: str = ""
    given: str = ""
    before: Any = "absent"
    after: Any = "absent"
    rename: tuple[str, str] | None = None

    @classmethod
    def of(cls, number: int, raw: dict[str, Any]) -> Correction:
        """Read one entry of the file."""
        place = f"corrections.yaml, action {number}"
        unknown, missing = set(raw) - FIELDS, {"at", "why", "seen"} - set(raw)
        if unknown or missing or ("rename" in raw) == ("after" in raw):
            raise Refused(
                place, f"unknown fields {sorted(unknown)}, missing {sorted(missing)}, or not one of after and rename"
            )
        values = dict(raw)
        at = values.pop("at")
        if "rename" in values:
            ((old, new),) = values["rename"].items()
            values["rename"] = (old, new)
        return cls(number=number, at=(at,) if isinstance(at, str) else tuple(at), **values)

    def applies(self, form: Form) -> bool:
        """Whether it is for a description of this form, and what it speaks of is there."""
        if self.form not in ("", form["form"]):
            return False
        return not self.given or any(spot.value is not ABSENT for spot in find(form, self.given))


@dataclass
class Outcome:
    """What became of one correction, place by place."""

    correction: Correction
    places: dict[str, list[str]] = field(default_factory=lambda: {APPLIED: [], ALREADY: [], UNFIT: []})

    @property
    def kind(self) -> str:
        """The worst of its places decides."""
        return UNFIT if self.places[UNFIT] else APPLIED if self.places[APPLIED] else ALREADY

    def __str__(self) -> str:
        places = self.places[self.kind]
        more = f" and {len(places) - 1} more" if len(places) > 1 else ""
        return f"{places[0]}{more}: {self.correction.why}"


def load(path: Path) -> list[Correction]:
    """Read the list."""
    actions = own(path)["corrections"]
    return [Correction.of(number, raw) for number, raw in enumerate(actions, start=1)]


def correct(form: Form, corrections: list[Correction]) -> tuple[Form, list[Outcome]]:
    """Apply what is for this form, to a copy. Also returns what became of each."""
    form = copy.deepcopy(form)
    outcomes = []
    for correction in corrections:
        if correction.applies(form):
            outcome = Outcome(correction)
            outcomes.append(outcome)
            for place in correction.at:
                spots = list(find(form, place))
                if not spots:
                    outcome.places[UNFIT].append(place)
                for spot in spots:
                    outcome.places[_apply(form, correction, spot)].append(spot.name)
    return tidy(form), outcomes


def _apply(form: Form, correction: Correction, spot: Spot) -> str:
    if correction.rename:
        return _rename(form, spot, *correction.rename)
    if not isinstance(spot.holder, dict | list):
        return UNFIT
    value, after = spot.value, correction.after
    if isinstance(spot.holder, list) and after not in ("absent", "present"):  # an entry in place of another
        if value is ABSENT:
            return ALREADY if after in spot.holder else UNFIT
        spot.put(after)
        return APPLIED
    if holds(value, after):
        return ALREADY
    if not holds(value, correction.before):
        return UNFIT
    if after == "absent":
        spot.drop()
    elif isinstance(value, dict) and isinstance(after, dict):
        _merge(value, after)
    else:
        spot.put(copy.deepcopy(spot.key if after == "present" else after))
    return APPLIED


def holds(value: Any, wanted: Any) -> bool:
    """Whether something is as wanted: absent, present, equal, or an object in which all that is named is so."""
    if isinstance(wanted, str) and wanted in ("absent", "present"):
        return (value is ABSENT) == (wanted == "absent")
    if isinstance(wanted, dict):
        if not isinstance(value, dict):
            return False
        return all(holds(value.get(key, ABSENT), inner) for key, inner in wanted.items() if key != "description")
    if isinstance(wanted, list) and isinstance(value, list) and all(isinstance(item, str) for item in wanted):
        return sorted(map(str, value)) == sorted(wanted)
    return bool(value == wanted)


def _merge(value: dict[str, Any], after: dict[str, Any]) -> None:
    for key, inner in after.items():
        if inner == "absent":
            value.pop(key, None)
        elif isinstance(inner, dict) and isinstance(value.get(key), dict):
            _merge(value[key], inner)
        else:
            value[key] = copy.deepcopy(inner)


def _rename(form: Form, spot: Spot, old: str, new: str) -> str:
    members = spot.value
    if not isinstance(members, dict):
        return UNFIT
    if old not in members:
        return ALREADY if new in members else UNFIT
    if new in members:
        return UNFIT  # both are there: someone must decide
    renamed = {new if key == old else key: value for key, value in members.items()}
    members.clear()
    members.update(renamed)
    if members is form["schemas"]:
        _refer(form, old, new)
    elif isinstance(required := spot.holder.get("required"), list):
        spot.holder["required"] = [new if name == old else name for name in required]
    return APPLIED


def _refer(node: Any, old: str, new: str) -> None:
    """Let all that refers to a schema use its new name."""
    if isinstance(node, list):
        for item in node:
            _refer(item, old, new)
    if isinstance(node, dict):
        if node.get("ref") == old:
            node["ref"] = new
        if isinstance(node.get("bases"), list):
            node["bases"] = [new if name == old else name for name in node["bases"]]
        for item in node.values():
            _refer(item, old, new)
