"""From what the user wrote for MODEL to a live model: `module:object`, or a file that was looked at before it was opened.

The bytes decide what a file is, never its name. A format that can run code is opened only as far as it names nothing but
what is known; else the user is told every name, and what to do if they trust the file.
"""

from __future__ import annotations

import importlib
import io
import re
import sys
import warnings
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from holdall.engines import compression
from holdall.engines.recognise import Format, recognise
from holdall.errors import (
    MissingDependency,
    PackageDamaged,
    TrustRequired,
    UnreadableFile,
    UnsupportedModel,
    UsageError,
)
from holdall.packing import boosters, folders, kerases, torches

_OBJECT = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_HINT = "if you know who made it, add --allow-pickle, or give MODULE:OBJECT of the program that trains it"
_NO_MODELS = (Format.UNKNOWN, Format.ZIP, Format.TAR, Format.NPY, Format.NPZ, Format.TOKENIZER, Format.TEXT)
"""What lies beside a model in its folder."""
_LISTED = 5
LARGEST = 1 << 34
"""Bytes of a model file: 16 GiB."""
_WORDS = {
    Format.CATBOOST: "a CatBoost model",
    Format.NPY: "a NumPy array",
    Format.NPZ: "NumPy arrays",
    Format.TAR: "a tar archive",
    Format.ZIP: "a zip archive",
    Format.TOKENIZER: "a tokenizer without its model",
    Format.TEXT: "a part of a package",
}


def open_model(text: str, *, allow_pickle: bool = False) -> Any:
    """The live model that `text` names: a file, or `module:object` imported with the current directory on the path.

    Raises UnreadableFile (nothing there, damaged), UnsupportedModel (a format that is not packed yet), TrustRequired (it
    names what holdall does not know; `allow_pickle` lets it, and then its code runs), MissingDependency.
    """
    folder = Path(text).expanduser()
    if folders.is_folder(folder):
        return folders.open_folder(folder)
    path = find_file(text)
    if path is not None:
        return open_file(path, allow_pickle=allow_pickle)
    if _OBJECT.fullmatch(text):
        return import_object(text)
    raise UnreadableFile(
        f"there is no file {text}", hint="give a model file, or MODULE:OBJECT, for instance train:pipeline", path=text
    )


def find_file(text: str) -> Path | None:
    """The model file that `text` names: itself, or the only one in the folder of that name; None where there is neither.

    Raises UnsupportedModel for a folder that holds none, or several.
    """
    path = Path(text).expanduser()
    if path.is_file():
        return path
    if not path.is_dir():
        return None
    if (path / "saved_model.pb").is_file():
        raise UnsupportedModel(
            f"the folder {text} is a SavedModel of TensorFlow, which is a program and not packed as it is",
            hint="give the Keras model that it came from, as a .keras file or MODULE:OBJECT; or make a graph of it: "
            f"python -m tf2onnx.convert --saved-model {text} --output model.onnx",
            path=text,
        )
    files = [found for found in sorted(path.iterdir()) if found.is_file() and not found.is_symlink()]
    models = [found for found in files if recognise(read_file(found)) not in _NO_MODELS]
    if len(models) == 1:
        return models[0]
    names = ", ".join(found.name for found in models[:_LISTED])
    raise UnsupportedModel(
        f"the folder {text} holds {f'several models: {names}' if models else 'no model file'}",
        hint="give the model file itself",
        path=text,
    )


def open_file(path: Path, *, allow_pickle: bool = False) -> Any:
    """The live model in a file. Raises as `open_model`."""
    return open_bytes(read_file(path), str(path), allow_pickle=allow_pickle)


def read_file(path: Path) -> bytes:
    """All of a file that is no larger than a model can be. Raises UnreadableFile."""
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise UnreadableFile(
                f"{path} has {size:,} bytes; a model file has at most {LARGEST:,}", path=str(path), limit=LARGEST
            )
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}", path=str(path)) from None


def open_bytes(data: bytes, path: str, *, allow_pickle: bool = False, enclosed: bool = False) -> Any:
    """The live model in the bytes of a file; path: what messages call it; enclosed: this is the sandboxed process.

    Raises as `open_model`.
    """
    form = recognise(data)
    if form in torches.FORMATS or torches.is_legacy(data):
        return torches.open_torch(form, data, path, allow_pickle=allow_pickle, enclosed=enclosed)
    if form in kerases.FORMATS:
        return kerases.open_keras(form, data, path, allow_pickle=allow_pickle, enclosed=enclosed)
    if form is Format.SAFETENSORS:
        raise torches.weights_only(path)
    if form is Format.SKOPS:
        return _open_skops(data, path, allow_pickle)
    if form in (Format.PICKLE, Format.JOBLIB):
        return _load_pickle(data, path) if allow_pickle else _open_pickle(data, path)
    if form is Format.ONNX:
        return _open_onnx(data, path)
    if form in boosters.FORMATS:
        return boosters.open_booster(form, data, path)
    if form is Format.UNKNOWN:
        _check_compressed(data, path)
        raise UnreadableFile(
            f"{path} is damaged, or of a format that holdall does not know",
            hint="give a .skops, .joblib or .pkl file of a fitted model, or MODULE:OBJECT",
            path=path,
        )
    raise UnsupportedModel(
        f"{path} is {_WORDS[form]}, which is not packed yet",
        hint="give the fitted scikit-learn model as MODULE:OBJECT, .skops, .joblib or .pkl",
        path=path,
        format=form.value,
    )


def _check_compressed(data: bytes, path: str) -> None:
    """Raises what is wrong with a compressed file that is no pickle: damaged, lz4 not installed, something else inside."""
    name = compression.method(data)
    inner = Format.UNKNOWN if name is None else recognise(compression.unpack(data, path))
    if inner is not Format.UNKNOWN:
        raise UnsupportedModel(
            f"{path} is {_WORDS.get(inner, f'of the format {inner.value}')}, compressed with {name}",
            hint="unpack it, and give the model file that is in it",
            path=path,
            format=inner.value,
        )


def import_object(text: str) -> Any:
    """The object that `module:object` names, imported with the current directory on the path. Raises as `open_model`."""
    if not _OBJECT.fullmatch(text):
        raise UsageError(
            f"{text!r} does not name an object", hint="write MODULE:NAME, for instance features:add_features"
        )
    module, _, name = text.partition(":")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    importlib.invalidate_caches()
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        if module == missing or module.startswith(f"{missing}."):
            raise UnreadableFile(
                f"there is no module {missing!r} here",
                hint="run it in the folder that holds the module",
                module=missing,
            ) from None
        raise MissingDependency(missing, missing, f"importing {module}") from error
    except Exception as error:  # a module may raise anything while it is imported
        raise UnreadableFile(f"importing {module} failed: {type(error).__name__}: {error}", module=module) from error
    for part in name.split("."):
        if not hasattr(found, part):
            near = get_close_matches(part, [one for one in dir(found) if not one.startswith("_")], 1)
            hint = (
                f"it has {near[0]!r}"
                if near
                else f"it is to be at the top level of {getattr(found, '__file__', module)}"
            )
            raise UnreadableFile(f"{module} has no {name!r}", hint=hint, module=module, object=name)
        found = getattr(found, part)
    return found


def _open_onnx(data: bytes, path: str) -> Any:
    try:
        import onnx
    except ModuleNotFoundError:
        raise MissingDependency("onnx", "holdall[pack]", "packing an ONNX file") from None
    try:
        return onnx.load_model_from_string(data)
    except Exception as error:  # protobuf has several errors of its own for what is damaged
        raise UnreadableFile(f"{path} cannot be read as an ONNX graph: {error}", path=path) from error


def _open_skops(data: bytes, path: str, allow_pickle: bool) -> Any:
    from holdall.engines import skops
    from holdall.engines.soundness import check

    try:
        outside = skops.audit(data, path).outside
        if outside and not allow_pickle:
            raise TrustRequired("code", "types", [path], [f"it names {', '.join(outside)}"], hint=_HINT)
        model, entries = skops.load(data, path, allowed=outside)
        check(model, path)
    except PackageDamaged as error:
        raise UnreadableFile(error.message, path=path) from error
    for entry in entries:
        warnings.warn(entry.message, stacklevel=3)
    return model


def _load_pickle(data: bytes, path: str) -> Any:
    from holdall.engines.pickle import load

    try:
        model, entries = load(data, path)
    except PackageDamaged as error:
        raise UnreadableFile(error.message, path=path) from error
    for entry in entries:
        warnings.warn(entry.message, stacklevel=3)
    return model


def _open_pickle(data: bytes, path: str) -> Any:
    from holdall.engines.soundness import check
    from holdall.packing.restricted import Restricted

    plain = compression.unpack(data, path) if compression.method(data) else data
    stream = io.BytesIO(plain)
    reader = Restricted(stream)
    failed: Exception | None = None
    model = None
    try:
        model = reader.load()
    except MemoryError as error:
        failed = error
    except Exception as error:  # noqa: BLE001 — a hostile stream raises whatever it can
        failed = error
    if reader.outside:
        names = ", ".join(reader.outside)
        more = "; it could not be read to its end, so there may be more" if failed else ""
        raise TrustRequired(
            "pickle", "types", [path], [f"as a pickle it runs what it names: {names}{more}"], hint=_HINT
        )
    if failed is not None:
        why = "it ends before its object does" if isinstance(failed, EOFError) else str(failed) or type(failed).__name__
        raise UnreadableFile(
            f"{path} cannot be read: {why}",
            hint="it is cut off or damaged: write it anew with joblib.dump or pickle.dump, and copy it whole",
            path=path,
        ) from failed
    if stream.read(1):
        raise UnreadableFile(
            f"{path} goes on after its end; holdall reads files that hold one object",
            hint="write the fitted model alone: joblib.dump(model, 'model.joblib')",
            path=path,
        )
    try:
        check(model, path)
    except PackageDamaged as error:
        raise UnreadableFile(error.message, path=path) from error
    return model
