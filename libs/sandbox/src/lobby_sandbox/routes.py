"""Which part of a platform's API a call is for."""

from collections.abc import Callable

from lobby_sandbox.contract import Answer, Call, Probe

Handler = Callable[..., Answer | Probe]
"""Takes the call, then what stood in the places of the template."""


class Routes:
    """Templates such as `POST {}/messages`, tried in order; `{}` stands for one segment of the path."""

    def __init__(self, handlers: dict[str, Handler]) -> None:
        self._routes = [
            (method, template.split("/"), handler)
            for (method, _, template), handler in ((key.partition(" "), value) for key, value in handlers.items())
        ]

    def find(self, call: Call, path: str) -> Callable[[], Answer | Probe] | None:
        """What answers the call, or None."""
        segments = path.strip("/").split("/")
        for method, template, handler in self._routes:
            if method == call.method and len(template) == len(segments):
                pairs = list(zip(template, segments, strict=True))
                if all(wanted in {"{}", found} for wanted, found in pairs):
                    places = [found for wanted, found in pairs if wanted == "{}"]
                    return lambda: handler(call, *places)
        return None
