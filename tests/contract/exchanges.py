"""What is seen of a request and its answer, and whether they keep to the document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import attrs

from tests.contract.document import Answer, Body, Checker, Operation, Parameter, operations

EVERY_REQUEST: Final = frozenset(
    {"host", "user-agent", "accept", "accept-encoding", "authorization", "connection", "transfer-encoding"}
    | {"content-length", "content-type"}
)
"""Headers that any request may have (RFC 9110), and that OpenAPI leaves out: they are told by security and content."""

EVERY_ANSWER: Final = frozenset(
    # The last two are of throttling and of pull-through caches: no description has them.
    {"content-length", "content-type", "retry-after", "x-azure-origin"}
)

UNDESCRIBED_BODIES: Final = {
    ("ContainerRegistry_CheckDockerV2Support", 200): "`{}` from ACR, nothing from others; only its status is of use",
    ("ContainerRegistryBlob_GetBlob", 307): "a link in HTML, for people (RFC 9110, section 15.4.8)",
    ("ContainerRegistryBlob_GetChunk", 307): "the same",
}
"""Answers that come with a body although the document describes none, each with the reason why that is so."""


OUTSIDE: Final = {
    ("GET", "/v2/_catalog"): "for registries of other makes, where ACR's own catalog is not to be had; ACR has it, too",
}
"""Requests of the client that ACR's description does not have, each with the reason why it makes them."""

OUTSIDE_PATHS: Final = {
    re.compile("/acr/v1/_deleted/.+"): "the trash: a draft of the description has it; the Azure CLI knows another form",
}
"""The same, for whole areas."""


@attrs.define(eq=False)
class Exchange:
    """A request as it arrived, and the answer of the emulator itself: faults made on purpose are not in it.

    Args:
        path: without its escapes.
        scheme: of the Authorization, in lower case.
        body: of the request; None where it did not arrive as a whole, or is no JSON and no form.
        sent: whether there was a body.
        broken: whether the request broke off.
        status: of the answer; 0 where there was none.
        answer_body: None where it did not come as a whole.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    scheme: str | None
    by_client: bool
    sent: bool = False
    broken: bool = False
    body: bytes | None = None
    status: int = 0
    answer_headers: Mapping[str, str] = attrs.field(factory=dict)
    answer_body: bytes | None = None

    @property
    def operation(self) -> Operation | None:
        """The operation that it is of."""
        return find(self.method, self.path, self.query, self.headers)

    def problems(self) -> list[str]:
        """How it breaks the document; the request is looked at only if it is this client's."""
        operation = self.operation
        if operation is None and (self.method, self.path) in OUTSIDE:
            return []
        if operation is None and any(area.fullmatch(self.path) for area in OUTSIDE_PATHS):
            return []
        if operation is None:
            return [f"no operation is {self.method} {self.path}"] if self.by_client else []
        found = [*(_request(operation, self) if self.by_client else ()), *_answered(operation, self)]
        return [f"{operation.id}: {self.method} {self.path}: {problem}" for problem in found]


def find(method: str, path: str, query: str, headers: Mapping[str, str]) -> Operation | None:
    """The operation of a request: of those that fit, the one that asks for most and gets all of it."""
    fitting = [op for op in operations() if op.method == method and op.path.fullmatch(path)]
    if len(fitting) < 2:
        return fitting[0] if fitting else None
    given = parse_qs(query, keep_blank_values=True)

    def asked(operation: Operation) -> list[bool]:
        wanted = [p for p in operation.parameters if p.required and p.place in ("query", "header")]
        return [p.name in given if p.place == "query" else p.name.lower() in headers for p in wanted]

    able = [op for op in fitting if all(asked(op))]
    return max(able or fitting, key=lambda op: len(asked(op)))


def _request(operation: Operation, seen: Exchange) -> Iterator[str]:
    yield from _query(operation, seen)
    yield from _request_headers(operation, seen)
    if seen.scheme is not None and seen.scheme not in operation.schemes:
        yield f"Authorization is {seen.scheme}, which it does not take"
    yield from _request_body(operation.body, seen)


def _query(operation: Operation, seen: Exchange) -> Iterator[str]:
    declared = operation.of("query")
    given = parse_qs(seen.query, keep_blank_values=True)
    for name in given.keys() - declared.keys():
        yield f"the query parameter {name!r} is not declared"
    for name, parameter in declared.items():
        if name in given:
            yield from (f"query parameter {name}: {problem}" for problem in _values(parameter, given[name]))
        elif parameter.required:
            yield f"the query parameter {name!r} is missing"


def _values(parameter: Parameter, values: list[str]) -> Iterator[str]:
    schema = parameter.schema
    if schema.get("type") == "array":
        yield from parameter.checker.problems(values)
    elif len(values) > 1:
        yield "it is given more than once"
    else:
        yield from parameter.checker.problems(_typed(schema, values[0]))


def _request_headers(operation: Operation, seen: Exchange) -> Iterator[str]:
    declared = operation.of("header")
    for name in seen.headers.keys() - declared.keys() - EVERY_REQUEST:
        yield f"the header {name!r} is not declared"
    for name, parameter in declared.items():
        if name in seen.headers:
            yield from (f"header {name}: {problem}" for problem in _values(parameter, [seen.headers[name]]))
        elif parameter.required:
            yield f"the header {name!r} is missing"


def _request_body(declared: Body | None, seen: Exchange) -> Iterator[str]:
    media_type = seen.headers.get("content-type")
    if declared is None:
        if seen.sent or media_type is not None:
            yield "it has a body, or a Content-Type, and none is declared"
        return
    if not seen.sent:
        if declared.required and not seen.broken:
            yield "the body is missing"
        return
    if media_type is None:
        yield "the body has no Content-Type"
        return
    yield from _content(declared.content, media_type, seen.body, "the body")


def _answered(operation: Operation, seen: Exchange) -> Iterator[str]:
    if seen.status == 0:
        return
    answer = operation.answers.get(str(seen.status)) or operation.answers.get("default")
    if answer is None:
        yield f"the status {seen.status} is not declared"
        return
    for name in seen.answer_headers.keys() - answer.headers.keys() - EVERY_ANSWER:
        yield f"{seen.status}: the header {name!r} is not declared"
    for name, checker in answer.headers.items():
        if name in seen.answer_headers:
            value = _typed(checker.schema, seen.answer_headers[name])
            yield from (f"{seen.status}: header {name}: {problem}" for problem in checker.problems(value))
    yield from (f"{seen.status}: {problem}" for problem in _answer_body(operation, answer, seen))


def _answer_body(operation: Operation, answer: Answer, seen: Exchange) -> Iterator[str]:
    if not seen.answer_body or seen.method == "HEAD" or (operation.id, seen.status) in UNDESCRIBED_BODIES:
        return
    # A failure of which only the status is declared has the body that failures have.
    content = answer.body.content or (operation.answers["default"].body.content if seen.status >= 400 else {})
    if not content:
        yield "it has a body, and none is declared"
        return
    yield from _content(content, seen.answer_headers.get("content-type", ""), seen.answer_body, "the body")


def _content(declared: Mapping[str, Checker], media_type: str, body: bytes | None, what: str) -> Iterator[str]:
    essence = media_type.partition(";")[0].strip().lower()
    checker = declared.get(essence) or declared.get("*/*")
    if checker is None:
        yield f"{what} is {essence or 'of no type'}; declared are {', '.join(declared)}"
        return
    if body is None or checker.schema.get("type") == "string":
        return  # bytes, or plain text: any will do
    if essence == "application/x-www-form-urlencoded":
        value: Any = _form(checker, body)
    else:
        try:
            value = json.loads(body)
        except ValueError:
            yield f"{what} is no JSON"
            return
    yield from (f"{what}: {problem}" for problem in checker.problems(value))


def _form(checker: Checker, body: bytes) -> dict[str, Any]:
    properties = checker.schema["properties"]
    fields = parse_qs(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    return {
        name: values if properties.get(name, {}).get("type") == "array" or len(values) > 1 else values[0]
        for name, values in fields.items()
    }


def _typed(schema: Mapping[str, Any], text: str) -> Any:
    """A value out of a query or a header: what it says, if it is of the type that it should be."""
    if schema.get("type") == "integer" and re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    if schema.get("type") == "boolean" and text in ("true", "false"):
        return text == "true"
    return text
