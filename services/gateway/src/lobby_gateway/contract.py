"""The contracts as written: which files there are, and what their comments say."""

import importlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from types import ModuleType

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

_MESSAGE, _ENUM, _SERVICE = 4, 5, 6
"""Fields of FileDescriptorProto, as source locations name them."""
_MESSAGE_FIELD, _NESTED_MESSAGE, _NESTED_ENUM = 2, 3, 4
"""Fields of DescriptorProto."""
_ENUM_VALUE = 2
_SERVICE_METHOD = 2

Path = tuple[int, ...]


@cache
def files() -> tuple[FileDescriptorProto, ...]:
    """Our .proto files, comments included."""
    content = resources.files(__package__).joinpath("contract.binpb").read_bytes()
    return tuple(FileDescriptorSet.FromString(content).file)


def service_modules() -> tuple[ModuleType, ...]:
    """The generated modules that declare services, in order of their files."""
    names = [file.name.removesuffix(".proto").replace("/", ".") + "_pb2" for file in files() if file.service]
    return tuple(importlib.import_module(name) for name in names)


@cache
def comments() -> Mapping[str, str]:
    """What is written above each element, by its full name (`package.Message.field`, `package.Enum.VALUE`)."""
    found = {}
    for file in files():
        written = {
            tuple(location.path): " ".join(location.leading_comments.split())
            for location in file.source_code_info.location
            if location.leading_comments
        }
        found.update({name: written[path] for path, name in _elements(file) if path in written})
    return found


def _elements(file: FileDescriptorProto) -> Iterator[tuple[Path, str]]:
    """Path and full name of everything in a file that can have a comment."""
    for index, message in enumerate(file.message_type):
        yield from _of_message(message, (_MESSAGE, index), file.package)
    for index, enum in enumerate(file.enum_type):
        yield from _of_enum(enum, (_ENUM, index), file.package)
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        yield (_SERVICE, index), name
        for number, method in enumerate(service.method):
            yield (_SERVICE, index, _SERVICE_METHOD, number), f"{name}.{method.name}"


def _of_message(message: DescriptorProto, path: Path, scope: str) -> Iterator[tuple[Path, str]]:
    name = f"{scope}.{message.name}"
    yield path, name
    for index, field in enumerate(message.field):
        yield (*path, _MESSAGE_FIELD, index), f"{name}.{field.name}"
    for index, nested in enumerate(message.nested_type):
        yield from _of_message(nested, (*path, _NESTED_MESSAGE, index), name)
    for index, enum in enumerate(message.enum_type):
        yield from _of_enum(enum, (*path, _NESTED_ENUM, index), name)


def _of_enum(enum: EnumDescriptorProto, path: Path, scope: str) -> Iterator[tuple[Path, str]]:
    name = f"{scope}.{enum.name}"
    yield path, name
    for index, value in enumerate(enum.value):
        yield (*path, _ENUM_VALUE, index), f"{name}.{value.name}"
