"""What every kind of text model is to packing: its tokenizer, its network, its answers, and the columns that hold them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from holdall.columns.batch import Column
from holdall.engines.entities import Grouping
from holdall.engines.text import Answer
from holdall.frameworks.transformers.exporting import library
from holdall.frameworks.transformers.tokenizing import Tokenizing
from holdall.spec.schema import Field
from holdall.spec.steps import StepOutput

PROBED = 4200
"""Beyond so many positions it is not tried out how many the model takes."""


class TextReading(ABC):
    """One model. All that is read of it, before anything is written.

    task, classes: as in the manifest. pairs: whether its texts come in pairs; None: either. keep_empty, prefix: as in
    `engines.text.Settings`. notes: sentences for the user.
    """

    task: str
    answer: Answer
    classes: tuple[str, ...] | None = None
    labels: tuple[str, ...] = ()
    grouping: Grouping | None = None
    pairs: bool | None = None
    keep_empty = False
    prefix = ""
    notes: tuple[str, ...] = ()
    results: tuple[str, ...] = ("score",)
    """The graph's outputs."""

    @property
    @abstractmethod
    def path(self) -> str:
        """What messages call the model."""

    @property
    @abstractmethod
    def tokenizer(self) -> Any:
        """Transformers' own tokenizer."""

    @abstractmethod
    def fields(self) -> tuple[Field, ...]:
        """The output columns."""

    @abstractmethod
    def steps(self) -> tuple[StepOutput, ...]:
        """Which result of the engine holds which columns."""

    @abstractmethod
    def ask(self, texts: Sequence[Any]) -> dict[str, Column]:
        """The live model's own answers, by column, for texts or pairs of them."""

    @abstractmethod
    def tokens(self, text: Any) -> Mapping[str, Sequence[int]]:
        """What the model's own code gives to the network for one text or pair, by feed."""

    @abstractmethod
    def tokenizing(self) -> Tokenizing:
        """The tokenizer as it is sealed. Raises NotPortable."""

    @abstractmethod
    def network(self) -> Any:
        """A torch module that takes the feeds by name and gives `results`."""

    @property
    @abstractmethod
    def configuration(self) -> Any:
        """The network's configuration."""

    def longest(self, tokenizing: Tokenizing, network: Any) -> int | None:
        """How many tokens the network takes, where a text may have more and that is not cut; found out by trying."""
        positions = getattr(self.configuration, "max_position_embeddings", None)
        if not isinstance(positions, int) or not 8 <= positions <= PROBED:
            return None

        def takes(count: int) -> bool:
            torch = library()
            word = int(self.tokens("a")["input_ids"][-1])
            given = {name: torch.full((1, count), word if name == "input_ids" else 1) for name in tokenizing.feeds}
            given |= {"token_type_ids": torch.zeros((1, count), dtype=torch.int64)} if "token_type_ids" in given else {}
            try:
                with torch.no_grad():
                    network(**given)
            except Exception:  # noqa: BLE001 — whatever the network raises is its no
                return False
            return True

        if tokenizing.cut is not None and takes(tokenizing.cut):
            return None
        if takes(positions + 1):
            return None
        return next((count for count in range(positions, positions - 8, -1) if takes(count)), None)
