"""The tokenizer of a model as `tokenizer.json`, with what the model's own code does around it: cut, pad, add, prefix.

Whatever Transformers does to a text is asked of it and compared, not assumed: the sealed tokenizer must give the numbers that
the model itself is given, for texts of every kind that tokenizers have ever stumbled over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdall.engines.text import FEEDS, Padding
from holdall.errors import MissingDependency, NotPortable

TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "Ein Satz, der anderswo gesprochen wird; mit Umlauten: äöü ÄÖÜ ß.",
    "don't can't won't it's O'Neill's rock'n'roll",
    "E-mail me at someone@example.org or see example.org/path?x=1&y=2#z",
    "3.14159, 1,000,000 and 1e-9; $5.00 at 50% off",
    "русский текст и ещё ё",
    "漢字とかなカナ 한국어 조선말",
    "العربية مع تَشْكِيل ו-עברית עם ניקוד",
    "naïve café — “quotes” … ﬁ ﬂ Ⅷ ½ ²",
    "e\u0301 versus \u00e9, A\u030a versus \u00c5",
    "🙂👩‍👩‍👧‍👦🏳️‍🌈 emoji 👍🏽 and flags 🇫🇷🇯🇵",
    "zero\u200bwidth\u200d joiner \u00ad soft hyphen \ufeff mark",
    "tab\tand\nnew line\r\nand  two   spaces ",
    " leading and trailing ",
    "",
    " ",
    "\n",
    ".",
    "UPPER lower MiXeD İstanbul ıI ſ",
    "supercalifragilisticexpialidocious" * 3,
    "a" * 300,
    "[CLS] [SEP] [MASK] [PAD] [UNK] <s> </s> <pad> <mask> <unk> <|endoftext|>",
    "##ing ▁word Ġword",
    "def f(x):\n    return x ** 2  # code",
    "\u0000 \u0001 \u007f \u0085 control",
    "ไทยไม่มีช่องว่าง नमस्ते दुनिया",
    "\U0001f9ff\U00020000\U0010fffd beyond the plane",
    "one two three four five six seven eight nine ten " * 20,
)
PAIRS = (
    ("A man is eating.", "Someone has a meal."),
    ("one", ""),
    ("", "other"),
    ("", ""),
    ("long " * 300, "short"),
    ("short", "long " * 300),
    ("漢字 🙂", "[SEP] e\u0301"),
)


@dataclass(frozen=True)
class Tokenizing:
    """A tokenizer as it is sealed. data: `tokenizer.json`; the others as in `engines.text.Settings`."""

    data: bytes
    feeds: tuple[str, ...]
    special: bool
    plain: bool
    padding: Padding | None
    cut: int | None
    """So many tokens are kept of a longer text; None: all."""
    unknown: int | None
    prefixed: bool


def capture(
    tokenizer: Any, ask: Callable[[Any], Mapping[str, Any]], arguments: Mapping[str, Any], path: str
) -> Tokenizing:
    """The tokenizer with the state that it has when the model's own code calls it.

    ask: a text → what the model is given, by feed. arguments: those that the model's own code calls the tokenizer with.
    Raises NotPortable where it has no form in `tokenizers`.
    """
    library = _library()
    given = ask(TEXTS[0])
    backend = getattr(tokenizer, "_tokenizer", None)
    if not isinstance(backend, library.Tokenizer):
        backend = _converted(tokenizer, path)
        cutting = {}
        if arguments.get("truncation"):
            longest = arguments.get("max_length") or tokenizer.model_max_length
            cutting = {"max_length": int(longest), "direction": tokenizer.truncation_side} if longest < 10**9 else {}
        if cutting:
            backend.enable_truncation(**cutting)
    sealed = library.Tokenizer.from_str(backend.to_str())
    sealed.no_padding()
    truncation = sealed.truncation
    if arguments.get("return_overflowing_tokens"):
        raise NotPortable(path, "it cuts a long text into pieces that overlap (stride=), which is not sealed")
    feeds = tuple(name for name in FEEDS if name in given)
    padding = None
    if tokenizer.pad_token_id is not None and "attention_mask" in feeds:
        padding = Padding(
            token=int(tokenizer.pad_token_id),
            type=int(getattr(tokenizer, "pad_token_type_id", 0) or 0),
            left=tokenizer.padding_side == "left",
        )
    return Tokenizing(
        data=sealed.to_str().encode("utf-8"),
        feeds=feeds,
        special=bool(arguments.get("add_special_tokens", True)),
        plain=bool(backend.encode_special_tokens),
        padding=padding,
        cut=None if truncation is None else int(truncation["max_length"]),
        unknown=None if tokenizer.unk_token_id is None else int(tokenizer.unk_token_id),
        prefixed=bool(getattr(backend.model, "continuing_subword_prefix", None)),
    )


def compare(
    encode: Callable[[Sequence[Any]], list[Any]],
    ask: Callable[[Any], Mapping[str, Any]],
    texts: Sequence[Any],
    feeds: Sequence[str],
    path: str,
) -> None:
    """Raises NotPortable where the sealed tokenizer gives other numbers than the model itself is given.

    encode: texts → the sealed tokenizer's encodings.
    """
    names = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
    for text in texts:
        try:
            expected = ask(text)
        except Exception:  # noqa: BLE001, S112 — a text that the model itself refuses; parity sees to those
            continue
        (encoding,) = encode([text])
        for feed in feeds:
            if list(getattr(encoding, names[feed])) != list(expected[feed]):
                raise NotPortable(
                    path, f"the tokenizer library gives other tokens than the model takes for {str(text)[:60]!r}"
                )


def _library() -> Any:
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise MissingDependency("tokenizers", "holdall[transformers]", "packing a tokenizer") from None
    return tokenizers


def _converted(tokenizer: Any, path: str) -> Any:
    """A tokenizer written in Python as one of the library, where Transformers knows how."""
    try:
        from transformers.convert_slow_tokenizer import convert_slow_tokenizer

        return convert_slow_tokenizer(tokenizer)
    except Exception as error:  # whatever the conversion stumbles over
        raised = NotPortable(
            path,
            f"the tokenizer is written in Python and has no fast form: {str(error).strip()[:200] or type(error).__name__}",
        )
        raised.hint = "load the tokenizer with use_fast=True, or train a fast one (PreTrainedTokenizerFast)"
        raise raised from error
