"""Files of PyTorch: scripts and exported programs are models, a pickled module is one with its maker's code, weights are none.

A script is compiled and an exported program is put together from text by torch itself, and a pickle runs what it names:
all of them are opened in the sandboxed process only.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

from holdall.checks.scan_pickle import KNOWN, Walk, verdict
from holdall.engines.recognise import Format
from holdall.errors import MissingDependency, TrustRequired, UnreadableFile, UnsupportedModel

FORMATS = frozenset({Format.TORCH, Format.TORCH_SCRIPT, Format.TORCH_EXPORT})
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_PICKLED = "data.pkl"
_HINT = "if you know who made it, add --allow-pickle, or give MODULE:OBJECT of the program that trains it"
LOADED = "module.load_state_dict(torch.load(PATH))"


def is_legacy(data: bytes) -> bool:
    """Whether it is a pickle of the format that PyTorch wrote before 1.6."""
    return data.startswith(_LEGACY)


def weights_only(path: str, what: str = "weights") -> UnsupportedModel:
    """The error for a file that holds weights without the program that they are of."""
    return UnsupportedModel(
        f"{path} holds {what} without the program that they belong to",
        hint=f"give MODULE:OBJECT of a module with these weights in it, after {LOADED}",
        path=path,
    )


def unknown_names(data: bytes, path: str) -> list[str]:
    """The classes and functions that a file of torch.save names and that are no part of plain weights.

    Raises UnreadableFile where it cannot be looked into, TrustRequired where it could not be read to its end.
    """
    if is_legacy(data):
        walk = Walk(data).file()
    else:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                inside = [name for name in archive.namelist() if name.rpartition("/")[2] == _PICKLED]
                pickled = [archive.read(name) for name in inside]
        except Exception as error:  # a damaged file makes torch raise whatever it stumbles over
            raise UnreadableFile(f"{path} cannot be read: {error}", path=path) from error
        if len(pickled) != 1:
            raise UnreadableFile(f"{path} holds {len(pickled)} pickles where torch.save writes one", path=path)
        walk = Walk(pickled[0], persistent=True).file()
    names = [name for name in walk.names if verdict(name) != KNOWN and name != "collections.OrderedDict"]
    if walk.problems and not names:
        raise TrustRequired("pickle", "types", [path], ["as a pickle it cannot be read to its end"], hint=_HINT)
    return names


def look(data: bytes, path: str, form: Format) -> None:
    """Raises TrustRequired, naming each class at stake, for a pickled module; UnsupportedModel for weights alone."""
    if form is not Format.TORCH and not is_legacy(data):
        return
    names = unknown_names(data, path)
    if not names:
        raise weights_only(path)
    why = f"as a pickle it runs what it names: {', '.join(names)}"
    raise TrustRequired("pickle", "types", [path], [why], hint=_HINT)


def open_torch(form: Format, data: bytes, path: str, *, allow_pickle: bool, enclosed: bool) -> Any:
    """The module, script or exported program in a file. enclosed: this is the sandboxed process.

    Raises TrustRequired, UnsupportedModel, UnreadableFile, MissingDependency.
    """
    pickled = form is Format.TORCH or is_legacy(data)
    if pickled and not allow_pickle:
        look(data, path, form)
    if not pickled and not (enclosed or allow_pickle):
        why = "torch builds a program out of it, which only a sandboxed process may; functions are packed in this one"
        raise TrustRequired("code", "types", [path], [why], hint=_HINT)
    try:
        import torch
    except ModuleNotFoundError:
        raise MissingDependency("torch", "holdall[torch]", f"the model in {path}") from None
    stream = io.BytesIO(data)
    try:
        if form is Format.TORCH_SCRIPT:
            return torch.jit.load(stream, map_location="cpu")  # type: ignore[no-untyped-call, unused-ignore]
        if form is Format.TORCH_EXPORT:
            return torch.export.load(stream)
        found = torch.load(stream, map_location="cpu", weights_only=False)
    except Exception as error:  # a damaged file makes torch raise whatever it stumbles over
        line = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UnreadableFile(f"{path} cannot be read by PyTorch: {line[:200]}", path=path) from error
    if not isinstance(found, torch.nn.Module):
        raise weights_only(path, f"a {type(found).__name__} of weights")
    return found
