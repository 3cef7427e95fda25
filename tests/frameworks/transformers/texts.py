"""Tiny text models with tokenizers that were made here: no hub is asked."""

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
    """A WordPiece tokenizer as BERT has it; the same in every process, which no trained one is."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = sorted({word for text in TEXTS for word in text.lower().split() if word.isascii() and word.isalpha()})
    characters = sorted({character for text in TEXTS for character in text.lower() if not character.isspace()})
    entries = [*SPECIAL, *characters, *(f"##{character}" for character in characters), *words]
    vocabulary = {entry: place for place, entry in enumerate(dict.fromkeys(entries))}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token=SPECIAL[1]))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")},
        model_max_length=LONGEST,
    )


def byte_level() -> Any:
    """A tokenizer of bytes that grow together, as RoBERTa has it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        TEXTS * 5, trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet)
    )
    made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return PreTrainedTokenizerFast(tokenizer_object=made, **_ROBERTA, model_max_length=LONGEST)


def sentence_pieces() -> Any:
    """A tokenizer of sentence pieces, as ALBERT and XLM-RoBERTa have it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    made.train_from_iterator(
        TEXTS * 5, trainers.UnigramTrainer(vocab_size=300, special_tokens=special, unk_token=special[3])
    )
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=made, **_ROBERTA, model_max_length=LONGEST)


_ROBERTA = {
    "pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"
}  # fmt: skip


def encoder(make: str, head: str, **options: Any) -> Any:
    """A small network of a make, 'Roberta', with a head, 'ForSequenceClassification'; options: of its configuration."""
    import torch
    import transformers

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    if make == "DistilBert":
        sizes = {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64}
    ends = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    if make == "ModernBert":
        ends |= {"cls_token_id": 0, "sep_token_id": 2}
    made = {"vocab_size": 320, "max_position_embeddings": LONGEST + 2, **sizes, **ends}
    config = getattr(transformers, f"{make}Config")(**{**made, "num_labels": 3, **options})
    return getattr(transformers, f"{make}{head}")(config).eval()


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
    """A pipeline of Transformers for a task, of the small BERT where no other model and tokenizer are given."""
    import transformers

    kinds = {
        "text-classification": ("ForSequenceClassification", ["negative", "neutral", "positive"]),
        "token-classification": ("ForTokenClassification", ["O", "PERSON", "PLACE"]),
        "feature-extraction": ("Model", ["a", "b"]),
    }
    given = {"model": options.pop("model", None) or network(*kinds[task])}
    given["tokenizer"] = options.pop("tokenizer", None) or tokenizer()
    return transformers.pipeline(task, **given, device="cpu", **options)
