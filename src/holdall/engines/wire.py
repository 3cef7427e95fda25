"""Protocol buffers, read only far enough to tell what an ONNX file is: no schema compiler, no library, nothing built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

# Field numbers of the messages of onnx.proto3 that lead to a tensor.
_MESSAGES: Mapping[str, Mapping[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
}
_TENSOR_EXTERNAL_DATA = 13
_TENSOR_LOCATION = 14
_MODEL_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
_MODEL_VARINTS = frozenset({1, 5})
DEPTH = 100


def fields(data: memoryview) -> Iterator[tuple[int, int, memoryview | int]]:
    """(field number, wire type, value) of each field; a value of wire type 2 is its bytes. Raises ValueError."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise ValueError("field number 0")
        if wire == 0:
            value, place = _varint(data, place)
            yield number, wire, value
            continue
        if wire == 2:
            length, place = _varint(data, place)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if length > len(data) - place:
            raise ValueError("a field is cut off")
        yield number, wire, data[place : place + length]
        place += length


def is_model(data: bytes) -> bool:
    """Whether the bytes are an ONNX ModelProto from the first to the last: its own fields only, a graph among them."""
    if data[:1] != b"\x08":
        return False
    seen = set()
    try:
        for number, wire, _ in fields(memoryview(data)):
            if number not in _MODEL_FIELDS or wire != (0 if number in _MODEL_VARINTS else 2):
                return False
            seen.add(number)
    except ValueError:
        return False
    return {1, 7} <= seen


def has_external_tensors(data: bytes) -> bool:
    """Whether a tensor of the model says that its numbers lie in another file. Raises ValueError where it is malformed."""
    pending = [("Model", memoryview(data), 0)]
    while pending:
        message, content, depth = pending.pop()
        if depth > DEPTH:
            raise ValueError("it is nested too deeply")
        for number, wire, value in fields(content):
            if message == "Tensor":
                if number == _TENSOR_EXTERNAL_DATA or (number == _TENSOR_LOCATION and value != 0):
                    return True
            elif wire == 2 and number in _MESSAGES[message] and isinstance(value, memoryview):
                pending.append((_MESSAGES[message][number], value, depth + 1))
    return False


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(data) or shift > 63:
            raise ValueError("a number is cut off")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
