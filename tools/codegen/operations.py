"""What is to be written for one operation: the arguments of its builder, and what its parser reads."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from . import names
from .kinds import Kind, Kinds

if TYPE_CHECKING:
    from collections.abc import Iterable

_SEPARATORS: Final = {"csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|"}
_BYTES: Final = Kind("bytes", "types.string")
_TAKEN: Final = {"body", "content", "content_type", "safe"}  # as arguments


@dataclass(frozen=True)
class Argument:
    """An argument of build_request."""

    place: str  # path, query, header or form
    name: str  # on the wire
    python: str
    kind: Kind
    required: bool
    default: Any
    joined: str
    text: str
    schema: dict[str, Any]

    @property
    def annotation(self) -> str:
        """The type; an enum takes a text of a newer registry, too."""
        kind = self.kind
        if kind.item:
            return (
                f"Sequence[{kind.item.annotation} | str]"
                if kind.item.what == "enum"
                else f"Sequence[{kind.item.annotation}]"
            )
        return f"{kind.annotation} | str" if kind.what == "enum" else kind.annotation

    @property
    def declaration(self) -> str:
        """Name, type and default."""
        if self.default is not None:
            return f"{self.python}: {self.annotation} | None = {literal(self.default)}"
        return (
            f"{self.python}: {self.annotation}" if self.required else f"{self.python}: {self.annotation} | None = None"
        )

    @property
    def optional(self) -> bool:
        """Whether it may be None."""
        return not self.required or self.default is not None

    @property
    def value(self) -> str:
        """The expression for a query or a form."""
        separator = _SEPARATORS.get(self.joined)
        return f"types.joined({self.python}, {literal(separator)})" if separator else self.python

    @property
    def header(self) -> str:
        """The expression for a header."""
        if self.kind.item:
            return f"types.joined({self.python}, ',')"
        if self.kind.annotation == "str" or self.kind.what == "enum":
            return self.python
        return (
            f"None if {self.python} is None else types.text({self.python})"
            if self.optional
            else f"types.text({self.python})"
        )

    @property
    def segment(self) -> str:
        """The expression for the path. Names of repositories have slashes."""
        value = self.python if self.kind.annotation == "str" else f"types.text({self.python})"
        return f"types.path_value({value}, safe='/')" if self.name == "name" else f"types.path_value({value})"


@dataclass(frozen=True)
class Body:
    """The body of a request.

    Attributes:
        what: json, form, parts, document (of any media type) or blob (bytes of a fixed one).
    """

    what: str
    media_type: str
    required: bool
    text: str
    kind: Kind
    form: list[Argument]


@dataclass(frozen=True)
class Answer:
    """What one status brings: the kind of its JSON, or a document."""

    status: int
    json: Kind | None
    document: bool


@dataclass(frozen=True)
class Operation:
    """An operation. What endpoint_module.py.jinja says follows from this alone."""

    route: str
    id: str
    package: str
    module: str
    text: str
    arguments: list[Argument]
    body: Body | None
    answers: list[Answer]
    headers: dict[str, tuple[str, bool]]  # name -> Python name, and whether it is a number
    accept: str
    raw: dict[str, Any]
    imports: list[tuple[str, str]]  # module and class of what annotations use
    answer_imports: list[tuple[str, str]]  # of what the parser uses
    notes: list[str] = field(default_factory=list)

    @property
    def method(self) -> str:
        """GET, PUT and so on."""
        return self.route.split()[0]

    @property
    def path(self) -> str:
        """The path, as the description has it."""
        return self.route.split()[1]

    def of(self, place: str) -> list[Argument]:
        """The arguments for one place of the request."""
        return [item for item in self.arguments if item.place == place]

    @property
    def keywords(self) -> list[Argument]:
        """What build_request takes by keyword, but for the body."""
        return [*(self.body.form if self.body else ()), *self.of("query"), *self.of("header")]

    @property
    def declarations(self) -> list[str]:
        """The arguments of build_request: those of the path, then a star, then the rest."""
        body = []
        match self.body:
            case Body(what="json", required=True):
                body = [f"body: {self.body.kind.annotation}"]
            case Body(what="json"):
                body = [f"body: {self.body.kind.annotation} | None = None"]
            case Body(what="document"):
                body = ["content: Content", "content_type: str"]
            case Body(what="blob", required=True):
                body = ["content: Content"]
            case Body(what="blob"):
                body = ["content: Content | None = None"]
        keywords = body + [item.declaration for item in self.keywords]
        return [item.declaration for item in self.of("path")] + (["*", *keywords] if keywords else [])

    @property
    def request_headers(self) -> list[tuple[str, str, bool]]:
        """Name, expression, and whether that can be None."""
        result = [(item.name.title(), item.header, item.optional) for item in self.of("header")]
        given = {name for name, _, _ in result}
        if self.accept and "Accept" not in given:
            result.insert(0, ("Accept", literal(self.accept), False))
        if self.body and "Content-Type" not in given:
            media_type, missing = literal(self.body.media_type), "body" if self.body.what == "json" else "content"
            if self.body.what in ("document", "parts"):
                result.append(("Content-Type", "content_type", False))
            elif self.body.required or self.body.what == "form":
                result.append(("Content-Type", media_type, False))
            else:
                result.append(("Content-Type", f"None if {missing} is None else {media_type}", True))
        return result

    @property
    def content(self) -> str:
        """The expression for the body of the request."""
        body = self.body
        if body is None or body.what == "form":
            return ""
        if body.what != "json":
            return "content"
        value = (
            "types.json_bytes(body.to_dict())"
            if body.kind.what == "model"
            else "types.json_bytes(types.json_value(body))"
        )
        return value if body.required else f"None if body is None else {value}"

    @property
    def path_expression(self) -> str:
        """The path, as an f-string or as a call."""
        arguments = {item.name: item for item in self.of("path")}
        if re.fullmatch(r"/\{[^{}]*\}", self.path):  # the whole path is one argument: a link
            return f"types.link({arguments[self.path[2:-1]].python})"
        parts = re.split(r"\{([^{}]*)\}", self.path)
        parts[1::2] = [f"{{{arguments[name].segment}}}" for name in parts[1::2]]
        parts[::2] = [part.replace("{", "{{").replace("}", "}}") if arguments else part for part in parts[::2]]
        return f'{"f" if arguments else ""}"{"".join(parts)}"'

    @property
    def statuses(self) -> list[int]:
        """The statuses that are no failure."""
        return [answer.status for answer in self.answers]

    @property
    def bodies(self) -> dict[str, tuple[Kind, list[int]]]:
        """The kinds of the JSON answers, by their decoder, with the statuses of each."""
        result: dict[str, tuple[Kind, list[int]]] = {}
        for answer in self.answers:
            if answer.json:
                result.setdefault(answer.json.whole, (answer.json, []))[1].append(answer.status)
        return result

    @property
    def body_annotation(self) -> str:
        """The type of the body of a Result; empty if it has none."""
        kinds = list(dict.fromkeys(kind.annotation for kind, _ in self.bodies.values()))
        always = sum(len(statuses) for _, statuses in self.bodies.values()) == len(self.answers)
        nothing = (
            [] if not kinds or (always and not any(kind.nullable for kind, _ in self.bodies.values())) else ["None"]
        )
        return "Any" if "Any" in kinds else " | ".join(kinds + nothing)

    @property
    def body_expression(self) -> str:
        """How the body of an answer is read."""
        parts, left = [], len(self.answers)
        for decode, (kind, statuses) in self.bodies.items():
            left -= len(statuses)
            read = (
                f"types.parse_body(OPERATION_ID, response, {f'types.nullable({decode})' if kind.nullable else decode})"
            )
            test = f"== {statuses[0]}" if len(statuses) == 1 else f"in {statuses}"
            parts.append(f"{read} if response.status {test} else ")
        if left:
            return "".join(parts) + "None"
        return "".join(parts[:-1]) + parts[-1].partition(" if response.status ")[0]

    @property
    def documents(self) -> bool:
        """Whether an answer is a document."""
        return any(answer.document for answer in self.answers)


def literal(value: Any) -> str:
    """A value as Python source."""
    return json.dumps(value, ensure_ascii=True) if isinstance(value, str) else repr(value)


def operation(route: str, raw: dict[str, Any], kinds: Kinds, taken: set[str]) -> Operation:
    """Plan an operation; `taken` has the modules that its package has already."""
    notes: list[str] = []
    module = names.module(raw["id"])
    while module in taken:
        notes.append(f"{route}: the operationId {raw['id']} is there twice")
        module += "_"
    taken.add(module)
    body = _body(route, raw, kinds, notes)
    places = [(key.partition(" ")[0], key.partition(" ")[2], item) for key, item in raw["parameters"].items()]
    arguments = [_argument(place, name, item, item["schema"], kinds) for place, name, item in places]
    arguments, form = _unique(arguments, body.form if body else [])
    answers, media_types = _answers(raw, kinds)
    headers = {
        name: header
        for status in answers
        for name, header in raw["answers"][str(status.status)].get("headers", {}).items()
    }
    python = names.of_result(headers)
    read = [answer.json for answer in answers if answer.json]
    return Operation(
        route=route,
        id=raw["id"],
        package=names.package(raw["id"]),
        module=module,
        text=raw.get("description") or raw["id"],
        arguments=arguments,
        body=replace(body, form=form) if body else None,
        answers=answers,
        headers={name: (python[name], header["schema"].get("type") == "integer") for name, header in headers.items()},
        accept=next((kind for kind in media_types if kind != "*/*"), ""),
        raw=raw,
        imports=used(
            [
                *read,
                *(item.kind for item in [*arguments, *form]),
                *([body.kind] if body and body.what == "json" else []),
            ],
            kinds,
        ),
        answer_imports=used(read, kinds),
        notes=notes,
    )


def _argument(place: str, name: str, item: dict[str, Any], schema: dict[str, Any], kinds: Kinds) -> Argument:
    kind = kinds.kind(schema)
    if place == "form":
        inner = schema.get("items", {})
        if schema.get("format") == "binary":
            kind = _BYTES
        elif inner.get("format") == "binary":
            kind = replace(kind, item=_BYTES)
    default = schema.get("default")
    fits = {"str": str, "int": int, "bool": bool, "float": float}.get("str" if kind.what == "enum" else kind.annotation)
    if fits is None or type(default) is not fits:
        default = None
    joined = item.get("joined") or schema.get("joined") or "multi"
    text = item.get("description") or schema.get("description") or ""
    return Argument(place, name, name, kind, bool(item.get("required")), default, joined, text, schema)


def _unique(arguments: list[Argument], form: list[Argument]) -> tuple[list[Argument], list[Argument]]:
    """Give each argument a name of its own; the same name may stand in the path and in the query."""
    ordered = [*arguments, *form]
    keys = {f"{item.place} {item.name}": item.name for item in ordered}
    taken, python = set(_TAKEN), {}
    for key, name in keys.items():
        found = names.snake(name)
        while found in taken:
            found += "_"
        taken.add(found)
        python[key] = found
    renamed = [replace(item, python=python[f"{item.place} {item.name}"]) for item in ordered]
    return renamed[: len(arguments)], renamed[len(arguments) :]


def _body(route: str, raw: dict[str, Any], kinds: Kinds, notes: list[str]) -> Body | None:
    if "body" not in raw:
        return None
    content = raw["body"]["content"]
    media_type = next((kind for kind in content if "json" in kind), next(iter(content)))
    if len(content) > 1:
        notes.append(f"{route}: of {len(content)} media types of the body, {media_type} is used")
    schema, form = content[media_type], []
    if media_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        what = "form" if media_type == "application/x-www-form-urlencoded" else "parts"
        required = schema.get("required", ())
        fields = sorted(schema.get("properties", {}).items(), key=lambda pair: (pair[0] not in required, pair[0]))
        form = [_argument("form", name, {"required": name in required}, inner, kinds) for name, inner in fields]
    elif media_type == "*/*":
        what = "document"
    else:
        what = "json" if "json" in media_type and schema.get("format") != "binary" else "blob"
    return Body(what, media_type, raw["body"]["required"], raw["body"].get("description", ""), kinds.kind(schema), form)


def _answers(raw: dict[str, Any], kinds: Kinds) -> tuple[list[Answer], list[str]]:
    """The answers that are no failure, and their media types. A failure is `default`, or 400 and more with a body."""
    answers, media_types = [], []
    for status, answer in raw["answers"].items():
        content = answer.get("content", {})
        if status == "default" or (int(status) >= 400 and content):
            continue
        media_types += content
        reads = next(
            (schema for kind, schema in content.items() if "json" in kind and schema.get("format") != "binary"), None
        )
        document = reads is None and any(kind != "application/octet-stream" for kind in content)
        answers.append(Answer(int(status), None if reads is None else kinds.kind(reads), document))
    return answers, media_types


def used(items: Iterable[Kind], kinds: Kinds) -> list[tuple[str, str]]:
    """Module and class of what these kinds use."""
    schemas = frozenset[str]().union(*(item.classes for item in items))
    return sorted((kinds.modules[name], kinds.classes[name]) for name in schemas)
