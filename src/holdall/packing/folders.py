"""Folders as Hugging Face writes them: a network with its tokenizer, or a model of sentence-transformers.

Only what is data is read: safetensors, JSON and text, from this folder and nowhere else. Code that a folder brings along is
never run, and weights in a pickle are refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from holdall.errors import MissingDependency, TrustRequired, UnreadableFile, UnsupportedModel

TASKS = {
    "ForSequenceClassification": ("AutoModelForSequenceClassification", "text-classification"),
    "ForTokenClassification": ("AutoModelForTokenClassification", "token-classification"),
    "Model": ("AutoModel", "feature-extraction"),
    "ForMaskedLM": ("AutoModel", "feature-extraction"),
}
"""By the end of the architecture's name: what loads it, and the task of its pipeline."""


def is_folder(path: Path) -> bool:
    """Whether the folder has the layout of Transformers or sentence-transformers."""
    return path.is_dir() and ((path / "modules.json").is_file() or _architectures(path) is not None)


def open_folder(path: Path) -> Any:
    """A SentenceTransformer or a pipeline of Transformers, from the folder alone.

    Raises UnreadableFile, TrustRequired (weights in a pickle, modules of its own), UnsupportedModel, MissingDependency.
    """
    _only_data(path)
    if (path / "modules.json").is_file():
        return _sentences(path)
    architecture = (_architectures(path) or [""])[0]
    for ending, (loader, task) in TASKS.items():
        if architecture.endswith(ending):
            return _pipeline(path, loader, task)
    raise UnsupportedModel(
        f"{path} holds a {architecture or 'network without an architecture'}, which is no encoder that holdall packs",
        hint="text and token classification and embeddings are packed",
        path=str(path),
    )


def _architectures(path: Path) -> list[str] | None:
    config = path / "config.json"
    if not config.is_file():
        return None
    found = _json(config)
    names = found.get("architectures") if isinstance(found, dict) and "model_type" in found else None
    return [str(name) for name in names] if isinstance(names, list) else None


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableFile(f"{path} cannot be read: {error}", path=str(path)) from None


FETCHING = (
    "auto_map",
    "custom_pipelines",
    "_attn_implementation_internal",
    "attn_implementation",
    "_attn_implementation",
)
"""Settings by which Transformers fetches and runs code of others."""
CALLED = ("activation_fn", "activation_function", "sbert_ce_default_activation_function")
"""Settings of sentence-transformers that name a class, with its module, which is imported and called."""
_LAYERS = "torch.nn."


def _only_data(path: Path) -> None:
    """Nothing in the folder that would have to be unpickled or run, and no setting that names code elsewhere."""
    for settings in sorted(path.rglob("*.json")):
        if "config" in settings.name:
            _no_code(settings, _json(settings))
    weights = [*path.rglob("*.safetensors")]
    pickled = sorted(found.name for pattern in ("*.bin", "*.pt", "*.pth") for found in path.rglob(pattern))
    if not weights:
        raise TrustRequired(
            "pickle",
            "types",
            [str(path)],
            [f"its weights are in {pickled[0]}, a pickle" if pickled else "it holds no weights in safetensors"],
            hint="save it anew with model.save_pretrained(folder), which writes model.safetensors",
        )
    if (path / "modules.json").is_file():
        kinds = [str(entry.get("type", "")) for entry in _json(path / "modules.json") if isinstance(entry, dict)]
        others = [kind for kind in kinds if not kind.startswith("sentence_transformers.")]
        if others:
            raise TrustRequired(
                "code", "types", [str(path / "modules.json")], [f"it names {', '.join(others)}"],
                hint="load it yourself and pack the SentenceTransformer as MODULE:OBJECT",
            )  # fmt: skip


def _no_code(path: Path, settings: Any) -> None:
    if isinstance(settings, dict):
        for key, value in settings.items():
            if key in FETCHING and value and value not in ("eager", "sdpa"):
                raise TrustRequired(
                    "code", "types", [str(path)], [f"its {key} names code: {value}"],
                    hint="load it yourself and pack the pipeline as MODULE:OBJECT",
                )  # fmt: skip
            if key in CALLED and isinstance(value, str) and "." in value and not value.startswith(_LAYERS):
                raise TrustRequired(
                    "code", "types", [str(path)], [f"its {key} is {value}, which is no layer of torch"],
                    hint="load it yourself and pack the model as MODULE:OBJECT",
                )  # fmt: skip
            _no_code(path, value)


SENTENCES = ("SentenceTransformer", "CrossEncoder")
"""The classes of sentence-transformers that are packed."""


def _sentences(path: Path) -> Any:
    """The model as the class that saved it, since each opens the others' folders too, and answers otherwise."""
    settings = path / "config_sentence_transformers.json"
    given = _json(settings) if settings.is_file() else {}
    kind = given.get("model_type", SENTENCES[0]) if isinstance(given, dict) else ""
    if kind not in SENTENCES:
        raise UnsupportedModel(
            f"{path} holds a {kind or 'model without a type'} of sentence-transformers, which is not packed",
            hint=f"a {' and a '.join(SENTENCES)} are",
            path=str(path),
        )
    try:
        import sentence_transformers
    except ModuleNotFoundError:
        raise MissingDependency("sentence_transformers", "sentence-transformers", f"opening {path}") from None
    model: type = getattr(sentence_transformers, kind)
    return model(str(path), device="cpu", local_files_only=True, trust_remote_code=False)


def _pipeline(path: Path, loader: str, task: str) -> Any:
    try:
        import transformers
    except ModuleNotFoundError:
        raise MissingDependency("transformers", "holdall[transformers]", f"opening {path}") from None
    given: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(path), **given)
        model = getattr(transformers, loader).from_pretrained(str(path), use_safetensors=True, **given)
    except (OSError, ValueError, KeyError) as error:
        raise UnreadableFile(f"{path} cannot be read: {error}", path=str(path)) from error
    return transformers.pipeline(task, model=model.eval(), tokenizer=tokenizer, device="cpu")
