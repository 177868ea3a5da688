"""Questions are answered before FastAPI looks at them: to find its route and to go through its layers takes as long as
most answers do. FastAPI documents them, and answers all else."""

from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from fastapi.exceptions import HTTPException

from ..errors import name_some
from .guard import App, Receive, Scope, Send, send_json
from .problems import problem_of

AnswerContent = Callable[[bytes, Scope], Awaitable[bytes]]
"""From the body and the scope of a request to the body of its answer."""


class Direct:
    """ASGI middleware. questions: by path, how a POST there is answered."""

    def __init__(self, app: App, questions: dict[str, AnswerContent]) -> None:
        self._app = app
        self._routes = {path: (_Route(path), answer) for path, answer in questions.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._routes.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["route"], answer = found
        content = (await receive()).get("body", b"")  # whole, as the guard gives it
        try:
            _refuse_parameters(scope)
            status, answered, headers = 200, await answer(content, scope), None
        except Exception as error:
            problem = problem_of(error, scope["method"], scope["path"])
            if problem is None:
                raise
            status, answered, headers = problem.status, problem.content, problem.headers
        await send_json(send, status, answered, headers)


def _refuse_parameters(scope: Scope) -> None:
    if names := [name for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)]:
        raise HTTPException(422, f"There is no parameter {name_some(names)}; {scope['path']} takes all in its body.")


class _Route:
    """What a request's metrics are counted under."""

    def __init__(self, path: str) -> None:
        self.path = path
