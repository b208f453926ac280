"""gRPC's reflection, versions v1 and v1alpha, which are the same on the wire: what the services are made of."""

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import descriptor_pb2

from tfmodel.wire import messages
from tfmodel_runtime.grpc.calls import Method, Streaming, Talk
from tfmodel_runtime.statuses import Code

SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")


class ReflectionService:
    """One version of the service; tells of `services`."""

    def __init__(self, name: str, services: Iterable[str]) -> None:
        self.name = name
        self._services = sorted(services)

    def methods(self) -> Mapping[str, Method]:
        """The methods."""
        return {"ServerReflectionInfo": Streaming(self._open, messages.ServerReflectionRequest)}

    def _open(self, talk: Talk) -> "_Questions":
        return _Questions(self._services, talk)


class _Questions:
    """One call: a question, an answer, and so on."""

    def __init__(self, services: list[str], talk: Talk) -> None:
        self._services = services
        self._talk = talk

    def received(self, request: Any) -> None:
        """A question."""
        answer = messages.ServerReflectionResponse(valid_host=request.host, original_request=request)
        try:
            _fill(answer, request, self._services)
        except KeyError:
            answer.error_response.error_code = Code.NOT_FOUND
            answer.error_response.error_message = "not found"
        self._talk.send(answer)

    def ended(self) -> None:
        """No more questions."""
        self._talk.finish()

    def closed(self) -> None:
        """The call is over."""


def _fill(answer: Any, request: Any, services: list[str]) -> None:
    """Answers a question.

    Raises:
        KeyError: nothing is known of what it names.
    """
    pool, asked = messages.POOL, request.WhichOneof("message_request")
    if asked == "list_services":
        for name in services:
            answer.list_services_response.service.add(name=name)
    elif asked == "file_by_filename":
        _describe(answer, pool.FindFileByName(request.file_by_filename))
    elif asked == "file_containing_symbol":
        _describe(answer, _file_of(request.file_containing_symbol))
    elif asked == "file_containing_extension":
        wanted = request.file_containing_extension
        message = pool.FindMessageTypeByName(wanted.containing_type)
        extension = pool.FindExtensionByNumber(message, wanted.extension_number)
        _describe(answer, pool.FindFileContainingSymbol(extension.full_name))
    elif asked == "all_extension_numbers_of_type":
        message = pool.FindMessageTypeByName(request.all_extension_numbers_of_type)
        found = answer.all_extension_numbers_response
        found.base_type_name = message.full_name
        found.extension_number.extend(sorted(one.number for one in pool.FindAllExtensions(message)))
    else:
        answer.error_response.error_code = Code.UNIMPLEMENTED
        answer.error_response.error_message = "the request asks for nothing"


def _file_of(symbol: str) -> Any:
    """The file that holds a symbol; a method's is its service's, whose pool does not know methods by name."""
    try:
        return messages.POOL.FindFileContainingSymbol(symbol)
    except KeyError:
        parent, _, name = symbol.rpartition(".")
        return messages.POOL.FindServiceByName(parent).methods_by_name[name].containing_service.file


def _describe(answer: Any, file: Any) -> None:
    """A file and those that it imports, each once."""
    found: dict[str, Any] = {}
    waiting = [file]
    while waiting:
        one = waiting.pop()
        if one.name not in found:
            found[one.name] = one
            waiting.extend(one.dependencies)
    for one in found.values():
        described = descriptor_pb2.FileDescriptorProto()
        one.CopyToProto(described)
        answer.file_descriptor_response.file_descriptor_proto.append(described.SerializeToString())
