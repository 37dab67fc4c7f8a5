"""Routes that must be quick are called directly: what FastAPI puts before a route takes longer than to score.

They stay routes of FastAPI, which documents them and refuses their other methods. Here stands what it does
for them: look who asks, call, and answer a refusal as its handler says.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

Handler = Callable[[Request, Exception], Awaitable[Response]]


class Direct:
    """ASGI middleware over `routes` whose endpoints take the request and what `admitted` makes of it."""

    def __init__(self, app: Any, routes: Iterable[APIRoute], admitted: Callable[[Request], Any]) -> None:
        self._app, self._admitted = app, admitted
        self._routes = {(method, route.path): route for route in routes for method in route.methods or ()}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, or pass on what is no such route."""
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive)
        try:
            response = await route.endpoint(request, self._admitted(request))
        except Exception as error:
            response = await _handler(scope["app"].exception_handlers, error)(request, error)
        await response(scope, receive, send)


def _handler(handlers: dict[Any, Handler], error: Exception) -> Handler:
    """What answers an error that is a refusal; others are raised again."""
    for kind in type(error).__mro__:
        if kind in handlers and kind is not Exception:
            return handlers[kind]
    raise error
