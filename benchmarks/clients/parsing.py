"""A page of tags from bytes into Python: by json alone, into the models of acr_rest, and into what acr gives.

All three take turns in one process, so that a slow moment is one of them all. What is told is the median, in processor
time of the thread: other programs on the machine take no part in it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from statistics import median

from acr_rest.api import get_tags
from acr_rest.types import Response

from acr._core.listed import tags
from benchmarks.clients.job import memory_kib

TAGS = 1000
FLAGS = {"deleteEnabled": True, "writeEnabled": True, "readEnabled": True, "listEnabled": True}


def page() -> bytes:
    """A page as large as ACR gives one."""
    begin = datetime(2021, 3, 12, tzinfo=UTC)
    items = []
    for number in range(TAGS):
        moment = f"{begin + timedelta(seconds=number, microseconds=123456):%Y-%m-%dT%H:%M:%S.%f}7Z"
        times = {"createdTime": moment, "lastUpdateTime": moment}
        item = {"name": f"v{number}", "digest": f"sha256:{number:064x}", **times, "signed": False}
        items.append({**item, "changeableAttributes": FLAGS})
    return json.dumps({"registry": "my.azurecr.io", "imageName": "team/app", "tags": items}).encode()


def measured(rounds: int) -> Mapping[str, float]:
    """Seconds that a page takes, by who reads it."""
    content, request = page(), get_tags.build_request("team/app")
    read = tags.reader("team/app")
    subjects: dict[str, Callable[[], object]] = {
        "json.loads": lambda: json.loads(content),
        "acr_rest": lambda: request.parse(200, {}, content),
        "acr": lambda: read(Response(200, {}, content)),
    }
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, subject in subjects.items():
            begin = time.thread_time()
            subject()
            taken[name].append(time.thread_time() - begin)
    return {name: median(found) for name, found in taken.items()}


if __name__ == "__main__":
    seconds = measured(200)
    told = {"count": TAGS, "rss_kib": memory_kib("VmHWM")}
    print(json.dumps({name: {**told, "seconds": figure} for name, figure in seconds.items()}))
