"""Files of Keras: a `.keras` archive, and HDF5 as Keras wrote it before.

Their configuration names classes and functions that Keras imports and calls. One that names Keras' own parts alone is put
together by Keras in the sandboxed process; for any other the user is told every name.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from holdall.checks.scan_keras import keras_code
from holdall.engines.recognise import Format
from holdall.errors import MissingDependency, TrustRequired, UnreadableFile, UnsupportedModel

FORMATS = frozenset({Format.KERAS, Format.HDF5})
_HINT = "if you know who made it, add --allow-pickle, or give MODULE:OBJECT of the program that trains it"
_CONFIG = "config.json"
LARGEST_CONFIG = 1 << 26


def look(data: bytes, path: str) -> None:
    """Raises TrustRequired, naming each class and function at stake, where a `.keras` file is not of Keras' own parts alone.

    Raises UnreadableFile. HDF5 is looked into in the sandboxed process only, since its reader is a C library.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if archive.getinfo(_CONFIG).file_size > LARGEST_CONFIG:
                raise UnreadableFile(f"the configuration in {path} is too large", path=path, limit=LARGEST_CONFIG)
            config = archive.read(_CONFIG)
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        raise UnreadableFile(f"{path} cannot be read: {error}", path=path) from error
    _judge(config, path)


def open_keras(form: Format, data: bytes, path: str, *, allow_pickle: bool, enclosed: bool) -> Any:
    """The model in a file. enclosed: this is the sandboxed process.

    Raises TrustRequired, UnsupportedModel, UnreadableFile, MissingDependency.
    """
    if form is Format.KERAS and not allow_pickle:
        look(data, path)
    if not (enclosed or allow_pickle):
        why = "Keras builds a program out of it, which only a sandboxed process may; functions are packed in this one"
        raise TrustRequired("code", "types", [path], [why], hint=_HINT)
    # What TensorFlow says while it starts is for its makers.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import keras
    except ModuleNotFoundError:
        raise MissingDependency("keras", "holdall[keras]", f"the model in {path}") from None
    with tempfile.TemporaryDirectory(prefix="holdall-") as folder:
        file = Path(folder) / ("model.h5" if form is Format.HDF5 else "model.keras")
        file.write_bytes(data)
        if form is Format.HDF5:
            config = _hdf5_config(file, path)
            if not allow_pickle:
                _judge(config, path)
        try:
            return keras.saving.load_model(file, compile=False, safe_mode=not allow_pickle)
        except Exception as error:  # a damaged file makes Keras raise whatever it stumbles over
            line = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise UnreadableFile(f"{path} cannot be read by Keras: {line[:200]}", path=path) from error


def _hdf5_config(file: Path, path: str) -> bytes:
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            config = opened.attrs.get("model_config")
    except Exception as error:  # a damaged file makes Keras raise whatever it stumbles over
        raise UnreadableFile(f"{path} cannot be read as HDF5: {error}", path=path) from error
    if config is None:
        raise UnsupportedModel(
            f"{path} holds weights, or other arrays, without the model that they belong to",
            hint="save the whole model, model.save('model.keras'), and give that file",
            path=path,
        )
    return config.encode() if isinstance(config, str) else bytes(config)


def _judge(config: bytes, path: str) -> None:
    try:
        found = json.loads(config)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"the configuration in {path} cannot be read: {error}", path=path) from error
    if isinstance(found, dict):
        # How it was trained is not built again.
        found.pop("compile_config", None)
    names = sorted(set(keras_code(found)))
    if names:
        raise TrustRequired("code", "types", [path], [f"it is built with {', '.join(names)}"], hint=_HINT)
