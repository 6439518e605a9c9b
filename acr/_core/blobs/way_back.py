"""The way back: what a transfer does after an error. Prose first, then the table, then the code that reads it.

A transfer sends chunks, and then a commit. Each is sent once, because sending it twice may be wrong. So after an error
nobody knows what the registry has. There are two questions.

**First question: what does the error itself say?** It is asked before anything else is sent.

- A registry, or a proxy before it, may find a chunk too large (413). The registry took nothing. A smaller one follows.
- ECR takes one chunk of an upload and no second one. It refuses the second, or answers 201 and forgets it. Then all of
  the blob goes in one chunk, if the source can be read again. If a registry refuses that one, it was taken for ECR by
  mistake, and the blob goes in several chunks after all.
- A session that an earlier process has left, or whose offset is on trust (`upload_sessions.py`), may be of no use. Then
  the registry finds the digest invalid, or refuses the first chunk of this process. A new session follows.
- If there is no answer, if the server fails, or if the registry does not know the session or the range, only the
  registry can tell how far it got. The transfer waits, as `Attempts` says, and asks the second question.
- All else is final: a missing right, a lock, a source of the wrong digest. The error goes to the user.

Two answers are dealt with before they become errors here, and the same bytes are sent once more from the same offset:
the first 401 of a request (`Session.open` exchanges another token) and 429 (`Session.call` waits).

**Second question: what does the registry have?** The status of the session tells. Before it, if a commit was lost, the
existence of the blob does.

- The blob: the answer to the commit was lost. Or somebody else was quicker, and then our session is open: it is
  cancelled in any case.
- Nothing: the session is gone, or the registry does not tell. A new session follows.
- The same offset: the chunk was lost, and is sent again. But if a registry refuses the same chunk for the third time,
  although it knows of no difference, the session is of no use. And if it says 416 to a chunk that is larger than each
  one it took, the chunk is too large (GHCR says 416 to what has over 4 MiB).
- More, or less: the transfer goes on from there. Less than was confirmed counts as a setback, and needs a source that
  reaches back. So little more that it has no end (`is_crumb`) is no progress: the tries count on. The same goes for a
  chunk of which the registry takes so little, and calls that a success.
- More than was ever sent: somebody else writes to the session. Nothing can be made of that.

A new session needs a source that can be read again. Without one the error goes to the user, whatever the table says.
Each new session counts as a setback, too. So a registry that forgets again and again is given up in the end.

`docs/architecture.md` draws the table; `tools/way_back.py` makes the drawing. `tests/core/test_way_back.py` has a test
for each row.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Final

import attrs

from acr._core.talk.attempts import PASSING, Problem
from acr.errors import ProtocolViolation, TransportError


class Sign(Enum):
    """What kind of error it is."""

    LOST = "no answer, 408, 5xx"
    UNKNOWN = "404"
    RANGE = "416"
    TOO_LARGE = "413"
    ODD = "an odd answer"
    REFUSED = "another refusal"

    @classmethod
    def of(cls, error: Problem | ProtocolViolation) -> Sign:
        """The kind of an error.

        >>> from acr.errors import ServerError
        >>> Sign.of(TransportError()), Sign.of(ServerError("busy", status=503)), Sign.of(ServerError("", status=501))
        (<Sign.LOST: 'no answer, 408, 5xx'>, <Sign.LOST: 'no answer, 408, 5xx'>, <Sign.REFUSED: 'another refusal'>)
        """
        if isinstance(error, ProtocolViolation):
            return cls.ODD
        if isinstance(error, TransportError) or error.status in PASSING - {429}:
            return cls.LOST
        return {404: cls.UNKNOWN, 416: cls.RANGE, 413: cls.TOO_LARGE}.get(error.status, cls.REFUSED)


class Has(Enum):
    """What the registry has, after an error."""

    UNASKED = "not asked yet"
    BLOB = "the blob"
    NOTHING = "no session"
    PART = "part of the one chunk"
    SAME = "what it had before"
    MORE = "more of it"
    LESS = "less than it had"
    FORGOTTEN = "less than the source can give again"
    IMPOSSIBLE = "more than was sent"


class Step(Enum):
    """What the transfer does next."""

    ASK = "ask what the registry has"
    GO_ON = "go on from there"
    ANEW = "begin anew"
    DONE = "done"
    RAISE = "raise"


class Chunks(Enum):
    """What becomes of the chunks that follow."""

    AS_BEFORE = ""
    SMALLER = "smaller chunks"
    WHOLE = "all in one chunk"
    SEVERAL = "in several chunks"


@attrs.frozen(kw_only=True)
class Setback:
    """All that the way back depends on.

    Args:
        sign: the kind of error.
        has: what the registry has.
        is_whole: all of the blob went in one chunk.
        takes_one: the registry seems to take one chunk of an upload, and the source can be read again.
        is_stale: the session is one of an earlier process, or its offset is on trust, and the registry refuses it.
        can_shrink: a smaller chunk is worth a try.
        is_outgrown: so it is, and the chunk was larger than each one that was taken.
        is_stuck: the registry refuses the same chunk for the third time, and the source can be read again.
        is_unproved: so it is, a smaller chunk is worth a try, and the registry has taken none yet.
    """

    sign: Sign
    has: Has = Has.UNASKED
    is_whole: bool = False
    takes_one: bool = False
    is_stale: bool = False
    can_shrink: bool = False
    is_outgrown: bool = False
    is_stuck: bool = False
    is_unproved: bool = False


@attrs.frozen
class Row:
    """One row of the table. It fits a setback of one of its signs and one of its findings, if its condition holds.

    Args:
        signs: kinds of errors.
        has: what the registry has.
        step: what to do.
        chunks: what becomes of the chunks.
        condition: an attribute of `Setback`, or None.
        says: the condition in words, behind an "if".
    """

    signs: Collection[Sign]
    has: Collection[Has]
    step: Step
    chunks: Chunks = Chunks.AS_BEFORE
    condition: str | None = None
    says: str = ""

    def fits(self, setback: Setback) -> bool:
        """Whether it is the row of a setback."""
        is_met = self.condition is None or bool(getattr(setback, self.condition))
        return setback.sign in self.signs and setback.has in self.has and is_met


_ANY: Final = tuple(Sign)
_REFUSALS: Final = (Sign.UNKNOWN, Sign.RANGE, Sign.REFUSED, Sign.ODD)
_UNASKED: Final = (Has.UNASKED,)

TABLE: Final = (
    # What does the error itself say?
    Row((Sign.TOO_LARGE, Sign.RANGE), _UNASKED, Step.ANEW, Chunks.SEVERAL, "is_whole", "all went in one chunk"),
    Row((Sign.TOO_LARGE,), _UNASKED, Step.GO_ON, Chunks.SMALLER, "can_shrink", "a smaller chunk is worth a try"),
    Row(_REFUSALS, _UNASKED, Step.ANEW, Chunks.WHOLE, "takes_one", "it seems to take one chunk only"),
    Row(_ANY, _UNASKED, Step.ANEW, Chunks.AS_BEFORE, "is_stale", "the session is stale"),
    Row((Sign.LOST, Sign.UNKNOWN, Sign.RANGE), _UNASKED, Step.ASK),
    Row(_ANY, _UNASKED, Step.RAISE),
    # What does the registry have?
    Row(_ANY, (Has.BLOB,), Step.DONE),
    Row(_ANY, (Has.IMPOSSIBLE, Has.FORGOTTEN), Step.RAISE),
    Row((Sign.RANGE,), (Has.SAME,), Step.GO_ON, Chunks.SMALLER, "is_outgrown", "it never took one as large"),
    Row((Sign.RANGE,), (Has.NOTHING,), Step.ANEW, Chunks.SMALLER, "is_outgrown", "it never took one as large"),
    Row(
        (Sign.RANGE,),
        (Has.SAME,),
        Step.ANEW,
        Chunks.SMALLER,
        "is_unproved",
        "so three times, and it took none yet",
    ),
    Row((Sign.UNKNOWN, Sign.RANGE), (Has.SAME,), Step.ANEW, Chunks.AS_BEFORE, "is_stuck", "so three times"),
    Row(_ANY, (Has.NOTHING, Has.PART), Step.ANEW),
    Row(_ANY, (Has.SAME, Has.MORE, Has.LESS), Step.GO_ON),
)
"""The first row that fits counts. Some row fits each setback."""


def row_for(setback: Setback) -> Row:
    """What to do after an error."""
    return next(row for row in TABLE if row.fits(setback))
