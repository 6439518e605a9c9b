"""Gathering: tasks of the blocking shell in threads, and the first failure among them stops the rest.

Nobody can interrupt a thread of Python from outside. So the tasks of one gather share a `Stop`, and each looks at it.

- **Who sets it.** The thread that gathers: as soon as a task has failed, or if it is interrupted itself (Ctrl-C comes
  to the main thread alone). It then begins no further task, and waits for those that run.
- **Who looks.** Each thread, by `go_on`: before it sends, before it reads of a large body, before it calls a function
  that blocks or waits for another thread, and after it slept. A sleep ends as soon as it is set.
- **Who waits for a server.** A request is a `Call` of the stop from its sending until its answer is closed. The stop
  cuts the connections of its calls, so that a thread that waits for a silent server gets an error, and looks.
- **What it does.** `go_on` raises `_Stopped`. That is a BaseException, so that no `except Exception` takes it for a
  failure of the network, and only `finally` blocks run: they close connections and cancel uploads.
- **Why only once for each thread.** Those `finally` blocks send requests, too, and each of these looks at the stop
  again. So `go_on` forgets the stop of its thread before it raises. What cleans up is not stopped.
- **What Ctrl-C may break.** It is raised at any step of the main thread, also between the taking of a lock and the
  block that gives it back, if Python's own code does both (a Condition, an Event, an executor): then all others wait
  for ever. So the thread that gathers starts one thread only, and waits for plain locks. Each other thread is started
  by the one before. What is left is the start of the first one, which waits for an Event.
- **What must not be stopped.** `BlockingRuntime.to_the_end` takes the stop away from its thread for a while: an upload
  session that was opened must be known to somebody, or nobody can cancel it.
- **Who clears it.** Nobody: the stop belongs to one gather, and goes with it. The threads belong to it as well, so no
  stop is left behind in a thread that another gather takes.
- **A gather within a task** has a stop of its own, which the stop of the outer one sets. So a failure outside stops
  what goes on inside, and a failure inside goes out by way of its task.
- **What the caller sees.** The first failure, in the order of the tasks. A `_Stopped` is never one.

The stop is kept in a thread-local of this module, and not of a client, because a copy has two clients: a failure of
one has to stop the requests of both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from acr._shells.latch import Latch
from acr._shells.sockets import Call

if TYPE_CHECKING:
    from acr._shells.room import Room

T = TypeVar("T")


class _Stopped(BaseException):
    """Raised in a worker after another task of the same gather failed.

    It is a BaseException, so that only `finally` blocks see it.
    """


class Stop:
    """Set once, when a gather is to end; it also cuts the connections that the threads of the gather wait for."""

    def __init__(self) -> None:
        self._latch = Latch()
        self._lock = threading.Lock()
        self._calls: set[Call | Stop] = set()

    def set(self) -> None:
        with self._lock:
            self._latch.set()
            calls = list(self._calls)
        for call in calls:
            call.cut()

    def cut(self) -> None:
        """End the gather: it is a call of the outer one that it is within."""
        self.set()

    def is_set(self) -> bool:
        return self._latch.is_set

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is set, at most so long. Returns whether it is."""
        return self._latch.wait(seconds)

    def begin(self) -> Call:
        """A call that this stop cuts; at once, if it is set already. `end` has to be called when it is over."""
        call = Call()
        self.take_in(call)
        return call

    def end(self, call: Call) -> None:
        call.end()
        self.let_go(call)

    def take_in(self, call: Call | Stop) -> None:
        """Cut a call, or a gather within this one, when this stop is set; at once, if it is."""
        with self._lock:
            self._calls.add(call)
            is_set = self._latch.is_set
        if is_set:
            call.cut()

    def let_go(self, call: Call | Stop) -> None:
        """The call, or the gather, is over."""
        with self._lock:
            self._calls.discard(call)


class _Gathering(threading.local):
    """The gather that this thread works for. It may belong to another client: a copy has two clients."""

    stop: Stop | None = None


GATHERING: Final = _Gathering()


def go_on() -> None:
    """Raise `_Stopped` if another task of this gather has failed.

    It is raised once for each thread, so that cleanup can still send requests.
    """
    stop = GATHERING.stop
    if stop is not None and stop.is_set():
        GATHERING.stop = None
        raise _Stopped


class _Crew(Generic[T]):
    """The threads of one gather. Each takes the next task by itself, as soon as there is room for it.

    The thread that gathers starts the first of them, and each starts the next one as soon as it has a task itself.

    Args:
        tasks: what to do.
        room: says which may begin.
        most: threads, at least one.
    """

    def __init__(self, tasks: Sequence[Callable[[], T]], room: Room, most: int) -> None:
        self._tasks = tasks
        self._room = room
        self._to_start = most
        self._working = 0  # threads
        # What goes on in a thread is of the caller's call (`_core/talk/deadline.py`).
        self._context = copy_context()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._over = Latch()
        self.stop: Final = Stop()
        self.results: Final[dict[int, T]] = {}
        self.errors: Final[dict[int, BaseException]] = {}

    def start(self) -> None:
        """Start one thread more. Raises RuntimeError if the system gives none."""
        with self._lock:
            self._to_start -= 1
        threading.Thread(target=self._context.copy().run, args=(self._work,), name="acr").start()

    def wait(self) -> None:
        """Wait until all tasks have ended."""
        self._over.wait()

    def give_up(self) -> None:
        """Begin nothing more, and wait until what runs has ended. Threads that wait for room then see it."""
        self.stop.set()
        with self._lock:
            is_idle = not self._working
        if not is_idle:
            self.wait()

    def _work(self) -> None:
        """What one thread does: tasks, until none is left or one has failed."""
        with self._lock:
            self._working += 1
        while (index := self._next()) is not None:
            self._start_another()
            GATHERING.stop = self.stop
            try:
                self.results[index] = self._tasks[index]()
            except BaseException as error:  # noqa: BLE001 - who gathers raises it
                self.errors[index] = error
                self.stop.set()
            finally:
                with self._changed:
                    self._room.end(index)
                    self._changed.notify_all()
        with self._lock:
            self._working -= 1
            if not self._working:  # a thread that comes later finds nothing to do
                self._over.set()

    def _start_another(self) -> None:
        """Start one, if there is a task for it."""
        with self._lock:
            is_wanted = self._to_start > 0 and not (self.stop.is_set() or self._room.is_empty)
        if is_wanted:
            with suppress(RuntimeError):  # the system gives no more: those that there are do the work
                self.start()

    def _next(self) -> int | None:
        with self._changed:
            while not (self.stop.is_set() or self._room.is_empty):
                index = self._room.begin()
                if index is not None:
                    return index
                self._changed.wait()
        return None


def gathered(tasks: Sequence[Callable[[], T]], room: Room, most: int) -> list[T]:
    """Run tasks in threads; see `acr._core.runtime.Runtime.gather`."""
    crew, outer = _Crew(tasks, room, min(most, len(tasks))), GATHERING.stop
    if outer is not None:
        outer.take_in(crew.stop)
    try:
        crew.start()
        crew.wait()
    except BaseException:  # such as Ctrl-C, which the main thread alone is told of
        crew.give_up()
        raise
    finally:
        if outer is not None:
            outer.let_go(crew.stop)
    for index in sorted(crew.errors):
        if not isinstance(crew.errors[index], _Stopped):
            raise crew.errors[index]
    go_on()  # the outer gather may have stopped all of them
    return [crew.results[index] for index in range(len(tasks))]
