"""POST /: a request to the handler, as JSON or as multipart/form-data with files."""

import logging
from collections.abc import AsyncGenerator
from typing import Any

import orjson
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from tfmodel_runtime.errors import InvalidInputError, OverloadedError
from tfmodel_runtime.handler.service import HandlerService
from tfmodel_runtime.lifecycle_state import Readiness
from tfmodel_runtime.rest.asgi import Answer, Receive, Scope, Send, guarded, header, read_body, refusal, send_answer

_log = logging.getLogger(__name__)
_MOST_FILES, _MOST_FIELDS = 64, 256
_METHOD_NOT_ALLOWED = 405


class Handle:
    """The application for the path of the handler. While the server drains, answers close their connections."""

    def __init__(self, service: HandlerService, readiness: Readiness, *, most_body_bytes: int) -> None:
        self._service = service
        self._readiness = readiness
        self._most_body_bytes = most_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["method"] == "POST":
            answer = await guarded(self._answer(scope, receive))
        else:
            told = f"{scope['method']} is not allowed here: POST a JSON body or a form with files"
            answer = refusal(_METHOD_NOT_ALLOWED, told, ((b"allow", b"POST"),))
        await send_answer(send, answer, closes=self._readiness.is_draining)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        body = await read_body(receive, self._most_body_bytes)
        if not header(scope, b"content-type").lower().startswith(b"multipart/form-data"):
            return Answer(200, await self._service.answer(_json(body)))
        form = await _form(scope, body, self._most_body_bytes)
        try:
            return Answer(200, await self._service.answer(_data(form)))
        finally:
            await form.close()


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInputError(f"the body is neither multipart/form-data nor JSON: {error}") from error


async def _form(scope: Scope, body: bytes, most_bytes: int) -> FormData:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        Headers(raw=list(scope["headers"])),
        stream(),
        max_files=_MOST_FILES,
        max_fields=_MOST_FIELDS,
        max_part_size=most_bytes,
    )
    try:
        return await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        told = getattr(error, "message", None) or str(error)
        raise InvalidInputError(f"the form cannot be read: {told}") from error
    except OSError as error:
        _log.error("an upload cannot be kept in the folder for temporary files: %s", error)
        raise OverloadedError(f"there is no room for the upload: {error.strerror}") from error


def _data(form: FormData) -> dict[str, Any]:
    """Fields by name: their text, or their files by the files' names. A file's name that comes again gets a number."""
    data: dict[str, Any] = {}
    for name, value in form.multi_items():
        is_file = isinstance(value, UploadFile)
        if name in data and isinstance(data[name], dict) != is_file:
            raise InvalidInputError(f"field {name} is a text and a file: give each its own name")
        if not isinstance(value, UploadFile):
            if name in data:
                raise InvalidInputError(f"field {name} came twice: give each its own name")
            data[name] = value
            continue
        files = data.setdefault(name, {})
        files[_free_name(value.filename or name, files)] = value.file
    return data


def _free_name(wanted: str, taken: dict[str, Any]) -> str:
    number, found = 1, wanted
    while found in taken:
        number += 1
        found = f"{wanted}#{number}"
    return found
