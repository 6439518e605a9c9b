"""Compares a reply with the recorded one: status, header names, header values, bodies.

Times, ids and signatures are new with every reply, and are compared by their shape. All else must be the same.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import attrs

from tests.recordings.recording import Entry, Headers, Reply

_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_DATE: Final = r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT"
_TIME: Final = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z"

SHAPES: Final[Mapping[str, str]] = {
    "date": _DATE,
    "last-modified": _DATE,
    "etag of storage": r'"0x8D[0-9A-F]{13}"',
    "docker-upload-uuid": _UUID,
    "x-ms-correlation-request-id": _UUID,
    "x-ms-request-id": _UUID,
    "x-ms-ratelimit-remaining-calls-per-second": r"\d{1,3}\.\d{1,6}",
    "location._state.started": _TIME,
    "location._state.uuid": _UUID,
    "location.container": r"/[0-9a-f]{32}(?:-[0-9a-z]+)?",
    "location.se": _TIME,
    "location.sig": r".+",
    "location.regid": r"[0-9a-f]{32}",
}
"""Values that are compared by shape: the recorded one and the reply's must both have it."""

Parts = dict[str, object]


@attrs.frozen
class Mismatch:
    """What is not as it was recorded.

    Args:
        what: `status`, `body`, or the name of a header, of a part of one, or of a place in the JSON body.
        recorded: what it was; None where it was not there.
        replied: what it is; None where it is not there.
    """

    what: str
    recorded: object
    replied: object


def mismatches(entry: Entry, reply: Reply, own_name: str, name: str) -> Iterator[Mismatch]:
    """Compare a reply with that of an entry.

    Args:
        entry: what was recorded.
        reply: what came.
        own_name: host and port that answered.
        name: the registry's name in the recording, which takes the place of it.
    """
    reply = _renamed(reply, own_name, name)
    recorded = entry.reply if entry.is_storage else _renamed(entry.reply, entry.url.netloc, name)
    if reply.status != recorded.status:
        yield Mismatch("status", recorded.status, reply.status)
    theirs, ours = recorded.headers, reply.headers
    for header in dict.fromkeys([*theirs.names(), *ours.names()]):
        if header not in ours.names():
            yield Mismatch(header, ", ".join(theirs.all(header)), None)
        elif header not in theirs.names():
            yield Mismatch(header, None, ", ".join(ours.all(header)))
        elif header != "content-length":
            label = "etag of storage" if header == "etag" and "x-ms-version" in theirs.names() else header
            yield from _values(label, theirs.all(header), ours.all(header))
    yield from _bodies(entry, recorded, reply)


def _renamed(reply: Reply, old: str, new: str) -> Reply:
    """A reply in which the registry has another name; Content-Length changes by as much as the body does."""
    body = reply.body.replace(old.encode(), new.encode())
    longer = len(body) - len(reply.body)
    pairs = (
        (key, str(int(value) + longer) if key == "content-length" else value.replace(old, new))
        for key, value in reply.headers.pairs
    )
    return Reply(reply.status, Headers(tuple(pairs)), body)


def _values(header: str, theirs: list[str], ours: list[str]) -> Iterator[Mismatch]:
    if len(theirs) != len(ours):
        yield Mismatch(header, theirs, ours)
        return
    split = _SPLIT.get(header, _whole)
    for before, now in zip(theirs, ours, strict=True):
        yield from _differing(header, split(before), split(now))


def _differing(header: str, before: Parts, now: Parts) -> Iterator[Mismatch]:
    orders = [[part for part in one if part in before and part in now] for one in (before, now)]
    if orders[0] != orders[1]:
        yield Mismatch(f"{header} order", *orders)
    for part in dict.fromkeys([*before, *now]):
        label = f"{header}.{part}" if part else header
        pair = before.get(part), now.get(part)
        shape = SHAPES.get(label)
        if pair[0] != pair[1] if shape is None else not all(re.fullmatch(shape, str(one)) for one in pair):
            yield Mismatch(label, *pair)


def _whole(value: str) -> Parts:
    return {"": value}


def _challenge(value: str) -> Parts:
    scheme, _, rest = value.partition(" ")
    found: Parts = {"scheme": scheme}
    for key, text in re.findall(r'(\w+)="([^"]*)"(?:,(?=\w)|$)', rest):
        if key == "realm":
            found["realm scheme"] = text.partition("://")[0]
            found["realm"] = text.partition("://")[2]
        elif key == "scope":  # the order of actions is not stable: see Gate in the emulator
            resource, colon, actions = text.rpartition(":")
            found["scope"] = f"{resource}{colon}{','.join(sorted(actions.split(',')))}"
        else:
            found[key] = text
    return found


def _location(value: str) -> Parts:
    url = urlsplit(value)
    query = parse_qsl(url.query, keep_blank_values=True)
    path = re.sub(rf"(?<=/uploads/){_UUID}$", "<uuid>", url.path)
    found: Parts = {"scheme": url.scheme, "relative": not url.netloc}
    if url.netloc:
        found["container"], _, path = path.partition("//")
    found["path"] = path
    for key, text in query:
        if key == "_state":
            found |= {f"_state.{part}": fact for part, fact in _state(text)}
        else:
            found[key] = text
    return found


def _state(text: str) -> Iterator[tuple[str, object]]:
    """What is in the state of an upload: 32 bytes that are nobody's business, and an object."""
    facts = json.loads(base64.urlsafe_b64decode(text)[32:])
    yield "padding", len(text) % 4
    yield "keys", list(facts)
    yield "name", facts["Name"]
    yield "uuid", facts["UUID"]
    yield "offset", facts["Offset"]
    yield "started", facts["StartedAt"]


_SPLIT: Final[Mapping[str, Callable[[str], Parts]]] = {"www-authenticate": _challenge, "location": _location}


def _bodies(entry: Entry, recorded: Reply, reply: Reply) -> Iterator[Mismatch]:
    if entry.is_oauth:  # tokens are new
        yield from _json("body", _types(recorded.json), _types(reply.json))
        return
    if recorded.headers.get("content-type").startswith("text/html"):
        link = html.escape(reply.headers.get("location"))
        if reply.body.decode() != f'<a href="{link}">Temporary Redirect</a>.\n\n':
            yield Mismatch("body", recorded.body.decode(), reply.body.decode())
        return
    if reply.body == recorded.body:
        lengths = [one.headers.get("content-length") for one in (recorded, reply)]
        if lengths[0] != lengths[1]:
            yield Mismatch("content-length", *lengths)
        return
    found = list(_json("body", recorded.json, reply.json)) if recorded.is_json and reply.is_json else []
    yield from found or [Mismatch("body", recorded.body[:200], reply.body[:200])]


def _types(value: Mapping[str, object]) -> dict[str, str]:
    return {key: type(item).__name__ for key, item in value.items()}


def _json(place: str, before: Any, now: Any) -> Iterator[Mismatch]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            if key in before and key in now:
                yield from _json(f"{place}.{key}", before[key], now[key])
            else:
                yield Mismatch(f"{place}.{key}", before.get(key), now.get(key))
        both = [[key for key in one if key in before and key in now] for one in (before, now)]
        if both[0] != both[1]:
            yield Mismatch(f"{place} order", *both)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for item in zip(before, now, strict=True):
            yield from _json(f"{place}[]", *item)
    elif type(before) is not type(now) or before != now:
        yield Mismatch(place, before, now)
