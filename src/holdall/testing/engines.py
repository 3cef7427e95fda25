"""What every engine must keep to: a class to inherit, given a few steps with their files and the answers to some rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from holdall.checks.parity import TOLERANCES, Comparison
from holdall.columns.batch import Batch
from holdall.engines.engine import ENGINES
from holdall.testing import fresh
from holdall.testing.openings import Opening, damages, read, stage, write

__all__ = ["EngineCase", "EngineTests", "Opening"]

CALLERS, CALLS = 4, 32


@dataclass(frozen=True)
class EngineCase:
    """One file of the engine's format. make: what is opened, with the answers that its own library gives."""

    name: str
    make: Callable[[], Opening]


class EngineTests:
    """The tests. A subclass names its engine and gives `cases`.

    engine: as in `Step.engine`. libraries: top-level modules that it runs with, imported only when a step is opened;
    empty where it runs with what every installation has. flips: whether files with single bytes changed are tried too.
    """

    engine: ClassVar[str]
    libraries: ClassVar[tuple[str, ...]] = ()
    flips: ClassVar[bool] = True

    @classmethod
    def cases(cls) -> Sequence[EngineCase]:
        """The kinds of file."""
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Every test that takes `opening` is run for every case."""
        if "opening" in metafunc.fixturenames:
            found = self.cases()
            metafunc.parametrize("case", found, ids=[case.name for case in found])

    @pytest.fixture
    def opening(self, case: EngineCase) -> Opening:
        """What is opened."""
        return case.make()

    @pytest.fixture
    def folder(self, opening: Opening, tmp_path: Path) -> Path:
        """The same, for a fresh process."""
        write(opening, tmp_path)
        return tmp_path

    def test_the_case_holds_what_it_names(self, opening: Opening, folder: Path) -> None:
        assert opening.step.engine == self.engine
        assert set(opening.step.files) <= set(opening.files)
        assert opening.rows.rows >= 8
        again = read(folder)
        assert (again.step, again.schema, dict(again.files)) == (opening.step, opening.schema, dict(opening.files))

    def test_many_rows_are_answered_as_by_its_library(self, opening: Opening) -> None:
        agree(opening, opening.answers, stage(opening).score(opening.rows))

    def test_one_row_is_answered_as_among_many(self, opening: Opening) -> None:
        opened = stage(opening)
        for row in range(8):
            place = np.array([row])
            agree(opening, opening.answers.take(place), opened.score(opening.rows.take(place)))

    def test_no_rows_are_answered_with_no_rows(self, opening: Opening) -> None:
        given = stage(opening).score(opening.rows.take(slice(0, 0)))
        assert given.rows == 0
        assert list(given) == list(opening.answers)

    def test_rows_are_left_as_they_were(self, opening: Opening) -> None:
        before = {name: opening.rows[name].values.copy() for name in opening.rows}
        stage(opening).score(opening.rows)
        for name, values in before.items():
            np.testing.assert_array_equal(values, opening.rows[name].values)

    def test_several_callers_at_once_get_their_own_answers(self, opening: Opening) -> None:
        opened = stage(opening)
        rows = [np.arange(opening.rows.rows)[start::CALLERS] for start in range(CALLERS)]
        with ThreadPoolExecutor(CALLERS) as callers:
            given = list(callers.map(lambda i: opened.score(opening.rows.take(rows[i % CALLERS])), range(CALLS)))
        for place, answered in enumerate(given):
            agree(opening, opening.answers.take(rows[place % CALLERS]), answered)

    def test_a_damaged_file_is_an_error_and_neither_a_crash_nor_a_hang(self, opening: Opening, folder: Path) -> None:
        if self.flips:
            (folder / "flips").touch()
        try:
            found = fresh.ask("damaged", str(folder))
        except fresh.FreshProcessFailed as failed:
            current = (folder / "current").read_text(encoding="utf-8")
            pytest.fail(f"with {current}: {failed}")
        assert set(found) == {name for name, _ in damages(opening.files, folder / "flips")}
        raised = {name: what for name, what in found.items() if what != "opened" and not what.startswith("holdall.")}
        assert not raised
        strangers = {name: what for name, what in found.items() if ": byte " not in name and what == "opened"}
        assert not strangers, "these were opened as if they were whole"

    def test_one_thread_is_one_thread(self, folder: Path) -> None:
        alone = {"OMP_NUM_THREADS": "", "OPENBLAS_NUM_THREADS": "1"}
        found = fresh.ask("opened", str(folder), "", "1", ",".join(self.libraries), environment=alone)
        assert found["begun"] <= 1, found  # some libraries keep one thread that only waits

    def test_its_library_is_imported_only_when_a_step_is_opened(self) -> None:
        found = fresh.ask("engine_imports", self.engine, ENGINES[self.engine])
        assert not set(self.libraries) & set(found["opened"])

    def test_a_missing_library_is_named_with_its_install_line(self, folder: Path) -> None:
        if not self.libraries:
            pytest.skip("it runs with what every installation has")
        found = fresh.ask("opened", str(folder), ",".join(self.libraries), "1")
        assert found.get("kind") == "MissingDependency", found
        assert "pip install" in found["error"]["hint"]


def agree(opening: Opening, expected: Batch, actual: Batch) -> None:
    """Assert that the answers agree within the tolerance of what the step computes in."""
    assert actual.rows == expected.rows
    comparison = Comparison()
    comparison.add(expected, actual, TOLERANCES[opening.step.compute], "")
    assert comparison.passed, comparison.differences
