"""Tiny text models with tokenizers that were trained here: no hub is asked."""

from __future__ import annotations

from typing import Any

TEXTS = [
    "a good product",
    "Bad item, broken on arrival!",
    "I love it",
    "an awful thing",
    "ok",
    "Ünïcödé wörds and émoji 😀",
    "漢字 and numbers 12345",
    "",
    "   ",
    "word " * 20,
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LONGEST = 96


def tokenizer() -> Any:
    """A WordPiece tokenizer as BERT has it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.WordPiece(unk_token=SPECIAL[1]))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.train_from_iterator(TEXTS * 5, trainers.WordPieceTrainer(vocab_size=160, special_tokens=SPECIAL))
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")},
        model_max_length=LONGEST,
    )


def network(kind: str, labels: list[str]) -> Any:
    """A small BERT of a kind: 'ForSequenceClassification', 'ForTokenClassification', 'Model'."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=160,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=LONGEST,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: place for place, label in enumerate(labels)},
    )
    return getattr(transformers, f"Bert{kind}")(config).eval()


def pipeline(task: str, **options: Any) -> Any:
    """A pipeline of Transformers for a task."""
    import transformers

    kinds = {
        "text-classification": ("ForSequenceClassification", ["negative", "neutral", "positive"]),
        "token-classification": ("ForTokenClassification", ["O", "PERSON", "PLACE"]),
        "feature-extraction": ("Model", ["a", "b"]),
    }
    return transformers.pipeline(task, model=network(*kinds[task]), tokenizer=tokenizer(), device="cpu", **options)
