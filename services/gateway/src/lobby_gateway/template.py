"""Path templates of `google.api.http`, and the router that finds the one a path matches."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_LITERAL = re.compile(r"[A-Za-z0-9._-]+")
_VERB = re.compile(r"[A-Za-z][A-Za-z0-9]*")


@dataclass(frozen=True, slots=True)
class Template:
    """A path such as `/v1/messages/{message_id}:retry`: literals and variables of one segment, and perhaps a verb."""

    text: str
    segments: tuple[str, ...]
    """Literals as they are; variables as `{name}`."""
    verb: str

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables, in order."""
        return tuple(segment[1:-1] for segment in self.segments if segment.startswith("{"))

    def match(self, segments: tuple[str, ...]) -> Mapping[str, str] | None:
        """Returns the variables' values, None where a literal differs. `segments` are as many as the template's."""
        values = {}
        for mine, given in zip(self.segments, segments, strict=True):
            if mine.startswith("{"):
                values[mine[1:-1]] = given
            elif mine != given:
                return None
        return values


def parse(text: str) -> Template:
    """Returns the template. ValueError where it uses more of the syntax than Lobby's paths need."""
    path, _, verb = text.partition(":")
    segments = tuple(path.removeprefix("/").split("/"))
    if not path.startswith("/") or (verb and not _VERB.fullmatch(verb)):
        raise ValueError(f"{text!r} is not a path that this gateway serves")
    for segment in segments:
        if not (_VARIABLE.fullmatch(segment) or _LITERAL.fullmatch(segment)):
            raise ValueError(f"{segment!r} in {text!r} is neither a literal nor a variable of one segment")
    return Template(text, segments, verb)


@dataclass(slots=True)
class Router(Generic[T]):
    """Finds what serves a path; literals win over variables."""

    _by_shape: dict[tuple[int, str], list[tuple[Template, dict[str, T]]]] = field(default_factory=dict)

    def add(self, verb: str, template: Template, target: T) -> None:
        """`verb template` is served by `target`. ValueError where something else serves it already."""
        shape = (len(template.segments), template.verb)
        known = self._by_shape.setdefault(shape, [])
        for other, targets in known:
            if other.segments == template.segments:
                if verb in targets:
                    raise ValueError(f"{verb} {template.text} is served twice")
                targets[verb] = target
                return
        known.append((template, {verb: target}))
        known.sort(key=lambda each: [segment.startswith("{") for segment in each[0].segments])

    def find(self, path: str) -> tuple[Mapping[str, T], Mapping[str, str]] | None:
        """Returns what serves the path by HTTP method, and the variables' values; None where nothing does."""
        for segments, verb in _readings(path):
            for template, targets in self._by_shape.get((len(segments), verb), ()):
                values = template.match(segments)
                if values is not None:
                    return targets, values
        return None


def _readings(path: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """How a path can be read: with what follows the last colon as a verb, and without."""
    segments = path.removeprefix("/").split("/")
    last, colon, verb = segments[-1].rpartition(":")
    if colon:
        yield (*segments[:-1], last), verb
    yield tuple(segments), ""


def variables_of(templates: Iterable[Template]) -> set[str]:
    """Returns the names of all variables in the templates."""
    return {name for template in templates for name in template.variables}
