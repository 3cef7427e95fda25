"""What every framework must keep to: a class to inherit, given a few models of the framework and their answers.

The suite holds the package against answers that were had by hand, from the framework itself: what the framework's own
`live` says is compared too, but cannot vouch for itself.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from holdall import api
from holdall.checks.parity import Comparison
from holdall.columns import recorded
from holdall.columns.batch import Batch, Column, all_null
from holdall.columns.conversion import convert
from holdall.columns.objects import dimensions
from holdall.columns.records import to_records
from holdall.columns.tables import from_table
from holdall.errors import InputError, NotPortable, UnsupportedModel
from holdall.frameworks.find import FRAMEWORKS, find
from holdall.packing import drawing
from holdall.packing.rounding import settle
from holdall.scoring.fit import fit
from holdall.scoring.model import Model
from holdall.scoring.package import Package
from holdall.scoring.trust import Level
from holdall.spec.manifest import Manifest
from holdall.spec.schema import Field, Kind
from holdall.testing import fresh

FEW = 16
"""Rows that are asked for one by one."""

THRESHOLDS = 2_000

HEAVY = (
    frozenset(FRAMEWORKS) | {"jax", "keras", "tensorflow", "torch", "transformers", "pandas", "scipy", "skl2onnx"}
) - {"holdall", "onnx"}
"""Modules that recognising a model must not import; onnx is what graphs are written with."""


@dataclass(frozen=True)
class Given:
    """A fitted model with data.

    sample: as a user gives it to `holdall.pack`. unseen: at least sixteen rows of the same kind. answers: output column →
    its values for `unseen`, as the framework itself gives them when asked by hand. refused: rows that the model refuses.
    options: further arguments of `holdall.pack`.
    """

    model: Any
    sample: Any
    unseen: Any
    answers: Mapping[str, Any]
    refused: Any = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class FrameworkCase:
    """One kind of model.

    make: gives the same model every time, in other processes too. engine: that of the package that `pack` makes of it.
    native: the engine of the framework's own form of it; None where it has none and must say so.
    """

    name: str
    make: Callable[[], Given]
    task: str
    engine: str = "onnx"
    native: str | None = None


@dataclass(frozen=True)
class Made:
    """A case that was packed, in both forms where there are two. rows, expected: the unseen rows and their answers."""

    case: FrameworkCase
    given: Given
    framework: Any
    before: Any
    sample_before: Batch
    package: Package
    path: Path
    model: Model
    native: Package | None
    native_path: Path | None
    native_refused: NotPortable | None
    rows: Batch
    expected: Batch

    @property
    def manifest(self) -> Manifest:
        return self.package.manifest

    @property
    def live(self) -> Callable[[Batch], Batch]:
        """The framework's own account of the live model."""
        found: Callable[[Batch], Batch] = self.framework.live(self.given.model, self.package.schema)
        return found


class Shelf:
    """What one suite has packed, and where: each case once, whatever the order of the tests."""

    def __init__(self, suite: type[FrameworkTests], folder: Path, state: Callable[[Any], Any]) -> None:
        self.folder = folder
        self._suite = suite
        self._state = state
        self._made: dict[str, Made] = {}
        self._answered: dict[str, Any] = {}

    def made(self, case: FrameworkCase) -> Made:
        """The case, packed."""
        if case.name not in self._made:
            folder = self.folder / f"case{len(self._made)}"
            self._made[case.name] = prepare(case, folder, self._state, self._suite.trust)
        return self._made[case.name]

    def elsewhere(self) -> dict[str, Any]:
        """How every package, by its place and form, answers in processes with and without the framework."""
        if self._answered:
            return self._answered
        packages = self.folder / "packages"
        packages.mkdir()
        for index, case in enumerate(self._suite.cases()):
            made = self.made(case)
            for form, path in (("", made.path), ("native", made.native_path)):
                if path is not None:
                    kept = packages / f"{index}{form}"
                    os.link(path, kept.with_suffix(".holdall"))
                    kept.with_suffix(".rows").write_bytes(recorded.encode(made.rows, made.expected))
        empty = {"HOLDALL_HOME": str(self.folder / "nothing")}
        for how, without in (("with", ""), ("without", ",".join(self._suite.libraries))):
            trust = self._suite.trust or ""
            self._answered[how] = fresh.ask("answers", str(packages), trust, without, environment=empty)
        return self._answered


class FrameworkTests:
    """The tests. A subclass names its framework and gives `cases`.

    framework: its `Framework.name`. libraries: top-level modules that are the framework: its portable packages must
    answer where none of them can be imported, and its native ones say which is missing. install: what must stand in that
    error's install line. trust: what must be let in to load what it seals, beyond data and known types.
    """

    framework: ClassVar[str]
    libraries: ClassVar[tuple[str, ...]]
    install: ClassVar[str | None] = None
    trust: ClassVar[str | None] = None

    @classmethod
    def cases(cls) -> Sequence[FrameworkCase]:
        """The kinds of model. Called often, so models are made in `FrameworkCase.make` only."""
        raise NotImplementedError

    def unfitted(self) -> Any:
        """A model that cannot answer yet; None where the framework has no such thing."""
        return None

    def state(self, model: Any) -> Any:
        """All that packing must leave as it was, as a value that can be compared."""
        return pickle.dumps(model)

    # ---- fixtures

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Every test that takes `made` is run for every case."""
        if "made" in metafunc.fixturenames:
            found = self.cases()
            metafunc.parametrize("case", found, ids=[case.name for case in found])

    @pytest.fixture
    def shelf(self, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
        """What this suite has packed already: one for all tests of the class."""
        suite = type(self)
        if suite not in _SHELVES:
            _SHELVES[suite] = Shelf(suite, tmp_path_factory.mktemp("contract"), self.state)
        return _SHELVES[suite]

    @pytest.fixture
    def made(self, case: FrameworkCase, shelf: Shelf) -> Made:
        """One case, packed."""
        return shelf.made(case)

    @pytest.fixture
    def elsewhere(self, shelf: Shelf) -> dict[str, Any]:
        """What fresh processes gave: 'with' the framework's libraries and 'without'."""
        return shelf.elsewhere()

    def _elsewhere(self, elsewhere: dict[str, Any], made: Made, how: str, form: str = "") -> dict[str, Any]:
        place = [case.name for case in self.cases()].index(made.case.name)
        found: dict[str, Any] = elsewhere[how]["packages"][f"{place}{form}"]
        return found

    # ---- recognising and describing

    def test_models_are_found_by_their_class_names_and_nothing_heavy_is_imported(self, shelf: Shelf) -> None:
        folder = shelf.folder
        kinds = [_names(shelf.made(case).given.model) for case in self.cases()]
        (folder / "kinds.json").write_text(json.dumps(kinds), encoding="utf-8")
        found = fresh.ask("recognise", str(folder / "kinds.json"))
        assert set(found["names"]) == {self.framework}
        assert HEAVY.intersection(found["loaded"]) == set()

    def test_describing_says_the_same_twice_and_leaves_the_model_as_it_was(self, made: Made) -> None:
        model = made.given.model
        assert find(model) is made.framework
        assert made.framework.name == self.framework
        assert made.framework.recognises(model)
        assert not made.framework.recognises(object())
        before = self.state(model)
        described = made.framework.describe(model)
        assert made.framework.describe(model) == described
        assert self.state(model) == before
        assert described.task in ("", made.case.task), "empty where only the outputs tell"

    def test_a_model_that_is_not_fitted_is_refused_with_what_to_do(self) -> None:
        model = self.unfitted()
        if model is None:
            pytest.skip("the framework has no models that cannot answer yet")
        with pytest.raises(UnsupportedModel) as caught:
            find(model).describe(model)
        assert caught.value.hint

    # ---- packing

    def test_the_package_has_the_expected_form_and_passes_parity(self, made: Made) -> None:
        manifest, parity = made.manifest, made.package.parity()
        assert manifest.model.engine == made.case.engine, manifest.blockers
        assert manifest.task == made.case.task
        assert manifest.portable == (made.case.engine == "onnx")
        assert manifest.portable or manifest.blockers, "a package that is not portable says why"
        assert all(blocker.step and blocker.cause for blocker in manifest.blockers)
        assert parity is not None
        assert parity.passed
        assert parity.rows > 0

    def test_only_data_is_sealed_in_a_portable_package(self, made: Made) -> None:
        if made.manifest.portable:
            assert made.package.trust()[0] is Level.DATA

    def test_packing_leaves_model_sample_and_options_as_they_were(self, made: Made) -> None:
        assert self.state(made.given.model) == made.before
        assert _same(made.sample_before, from_table(made.given.sample)[0])
        again = made.case.make()
        assert dict(made.given.options).keys() == dict(again.options).keys()

    def test_the_same_model_has_the_same_digest_in_every_process(self, shelf: Shelf) -> None:
        folder = shelf.folder
        found = [
            fresh.ask(
                "digests",
                type(self).__module__,
                type(self).__qualname__,
                environment={"HOLDALL_HOME": str(folder / f"digest{seed}"), "PYTHONHASHSEED": seed, "TZ": zone},
            )
            for seed, zone in (("1", "UTC"), ("4242", "Asia/Tokyo"))
        ]
        assert found[0] == found[1]
        assert set(found[0]) == {case.name for case in self.cases()}

    # ---- answers

    def test_the_package_gives_what_the_framework_gives_by_hand(self, made: Made) -> None:
        assert set(made.expected) <= {field.name for field in made.manifest.schema.outputs}
        agree(made.expected, made.model.score(made.rows), made.manifest)

    def test_the_answers_by_hand_are_those_of_the_live_model(self, made: Made) -> None:
        agree(made.expected, made.live(made.rows), made.manifest)

    def test_the_outputs_are_named_as_in_every_package(self, made: Made) -> None:
        names = [field.name for field in made.manifest.schema.outputs]
        assert len(set(names)) == len(names)
        assert not misnamed(made.manifest), names

    def test_recorded_examples_replay(self, made: Made) -> None:
        samples = made.package.samples
        assert samples is not None
        inputs, outputs = samples
        assert inputs.rows > 0
        agree(outputs, made.model.score(inputs), made.manifest)

    def test_rows_on_every_threshold_are_answered_as_by_the_live_model(self, made: Made) -> None:
        if not made.manifest.portable:
            pytest.skip("only a graph is told thresholds of")
        boundaries = made.framework.portable(made.given.model, made.package.schema).boundaries
        rows = drawing.on_boundaries(made.package.schema, boundaries, made.rows, THRESHOLDS)
        if rows is None:
            pytest.skip("the model has no thresholds")
        made_agree(made, rows)

    def test_missing_values_are_answered_or_refused_as_by_the_live_model(self, made: Made) -> None:
        for field in made.package.schema.inputs:
            if field.kind in (Kind.TENSOR, Kind.LIST):
                continue
            rows = made.rows.take(slice(0, 3))
            columns = dict(rows.columns)
            columns[field.name] = _one_null(columns[field.name], field, 1)
            with_null = Batch(columns, rows.rows)
            try:
                made.live(with_null)
            except Exception:  # noqa: BLE001 — whatever the live model raises is its refusal
                with pytest.raises(InputError) as caught:
                    made.model.score(with_null)
                assert _rows_named(caught.value) == {1}, caught.value.message
            else:
                made_agree(made, with_null)

    def test_a_refused_row_is_named_among_others(self, made: Made) -> None:
        if made.given.refused is None:
            pytest.skip("the case has no rows that the model refuses")
        good = to_records(made.rows.take(slice(0, 2)))
        refused = from_table(made.given.refused)[0]
        for bad in to_records(refused):
            with pytest.raises(InputError) as caught:
                made.model.predict([good[0], bad, good[1]])
            assert _rows_named(caught.value) == {1}, caught.value.message
            assert caught.value.hint

    def test_one_row_is_answered_as_it_is_among_many(self, made: Made) -> None:
        assert made.manifest.row_wise
        together = made.model.score(made.rows.take(slice(0, FEW)))
        for row in range(min(FEW, made.rows.rows)):
            place = np.array([row])
            agree(together.take(place), made.model.score(made.rows.take(place)), made.manifest)

    def test_no_rows_are_answered_with_no_rows(self, made: Made) -> None:
        given = made.model.score(made.rows.take(slice(0, 0)))
        assert given.rows == 0
        assert list(given) == [field.name for field in made.manifest.schema.outputs]

    def test_records_are_answered_as_a_table_is(self, made: Made) -> None:
        rows = made.rows.take(slice(0, FEW))
        table = made.model.score(rows)
        records = json.loads(json.dumps(to_records(rows), default=_plain))
        several, single = made.model.predict(records), [made.model.predict(record) for record in records]
        many = made.model.predict(records * (1 + 64 // len(records)))[: len(records)]
        assert isinstance(several, list)
        for answered in (several, single, many):
            assert [list(record) for record in answered] == [list(table)] * len(answered)
            assert json.dumps(answered, default=_plain)
            agree(table, _as_outputs(answered, made.manifest), made.manifest)

    # ---- elsewhere

    def test_a_fresh_process_gives_the_same_answers(self, made: Made, elsewhere: dict[str, Any]) -> None:
        found = self._elsewhere(elsewhere, made, "with")
        assert found.get("passed"), found
        assert found["rows"] == made.rows.rows

    def test_a_portable_package_answers_where_the_framework_cannot_be_imported(
        self, made: Made, elsewhere: dict[str, Any]
    ) -> None:
        if not made.manifest.portable:
            pytest.skip("it is not portable")
        found = self._elsewhere(elsewhere, made, "without")
        assert found.get("passed"), found

    def test_the_native_form_answers_in_a_fresh_process_or_says_why_there_is_none(
        self, made: Made, elsewhere: dict[str, Any]
    ) -> None:
        if made.case.native is None:
            assert made.native_refused is not None, "it has a native form: name its engine in the case"
            assert made.native_refused.hint
            return
        assert made.native is not None, made.native_refused
        assert made.native.manifest.model.engine == made.case.native
        found = self._elsewhere(elsewhere, made, "with", "native")
        assert found.get("passed"), found

    def test_a_missing_framework_is_named_with_its_install_line(self, made: Made, elsewhere: dict[str, Any]) -> None:
        if made.native is None:
            pytest.skip("it has no native form")
        found = self._elsewhere(elsewhere, made, "without", "native")
        assert found.get("code") == "missing_dependency", found
        assert found["module"] in self.libraries
        assert "pip install" in found["hint"]
        assert (self.install or found["module"]) in found["hint"]


_SHELVES: dict[type, Shelf] = {}


def prepare(case: FrameworkCase, folder: Path, state: Callable[[Any], Any], trust: str | None = None) -> Made:
    """The case, made and packed into the folder, which is made."""
    folder.mkdir()
    given = case.make()
    framework = find(given.model)
    sample = from_table(given.sample)[0]
    before, sample_before = state(given.model), _copied(sample)
    path, native_path = folder / "portable.holdall", folder / "native.holdall"
    with _home(folder / "home"):
        package = _packed(given, path)
        model = api.load(path, trust=trust)
        native: Package | None = package if not package.manifest.portable else None
        refused = None
        if native is not None:
            native_path = path
        else:
            with pytest.MonkeyPatch.context() as patch:
                for way in ("portable", "followed"):
                    patch.setattr(framework, way, _no_graph, raising=False)
                try:
                    native = _packed(given, native_path)
                except NotPortable as error:
                    refused = error
    rows = fit(from_table(given.unseen, schema=package.schema)[0], package.schema)
    expected = _expected(given.answers, package.manifest)
    return Made(
        case,
        given,
        framework,
        before,
        sample_before,
        package,
        path,
        model,
        native,
        native_path if native is not None else None,
        refused,
        rows,
        expected,
    )


def estimator_answers(model: Any, table: Any) -> dict[str, Any]:
    """What a model in scikit-learn's manner gives by hand for the table, under the names of a package's outputs."""
    answers: dict[str, Any] = {"prediction": np.asarray(model.predict(table)).reshape(-1)}
    if hasattr(model, "predict_proba"):
        probability = np.asarray(model.predict_proba(table))
        answers |= {f"probability_{label}": probability[:, place] for place, label in enumerate(model.classes_)}
    return answers


def agree(expected: Batch, actual: Batch, manifest: Manifest) -> None:
    """Assert that the answers agree within the package's tolerance, without a flip."""
    assert actual.rows == expected.rows
    comparison = Comparison()
    comparison.add(expected, actual, manifest.tolerance, manifest.task)
    assert comparison.passed, comparison.differences


def made_agree(made: Made, rows: Batch) -> None:
    """Assert that package and live model agree about rows that the live model answers, rounding as at packing."""
    expected, actual = made.live(rows), made.model.score(rows)
    tolerance, task = made.manifest.tolerance, made.manifest.task
    actual, _ = settle(made.live, rows, expected, actual, tolerance, task, extreme=False)
    agree(expected, actual, made.manifest)


def misnamed(manifest: Manifest) -> list[str]:
    """The outputs whose names break the rules: `prediction`, `probability_<class>`, `decision`, `decision_<class>`,
    `score`; several targets `<target>`, `<target>_probability_<class>`; what transforms names its own columns."""
    names = [field.name for field in manifest.schema.outputs]
    if manifest.task in ("transform", "function"):
        return [name for name in names if not name]
    if manifest.classes is not None:
        wanted = [f"probability_{label}" for label in manifest.classes]
        found = [name for name in names if name.startswith("probability_")]
        if found and found != wanted:
            return found
    if "prediction" in names:
        own = ("probability_", "decision_")
        return [n for n in names if n not in ("prediction", "decision", "score") and not n.startswith(own)]
    targets = [name for name in names if "_probability_" not in name and not name.startswith("probability_")]
    return [n for n in names if n not in targets and not any(n.startswith(f"{t}_probability_") for t in targets)]


def _names(model: Any) -> dict[str, Any]:
    mro = [(base.__module__, base.__qualname__) for base in type(model).__mro__ if base is not object]
    attributes = [name for name in dir(type(model)) if not name.startswith("_")]
    return {"mro": mro, "attributes": attributes}


def _packed(given: Given, path: Path) -> Package:
    return api.pack(given.model, name="contract", version=None, sample=given.sample, output=path, **dict(given.options))


def _no_graph(*_: Any) -> Any:
    raise NotPortable("model", "the suite asks for the native form")


@contextmanager
def _home(folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDALL_HOME", str(folder))
        yield


def _expected(answers: Mapping[str, Any], manifest: Manifest) -> Batch:
    fields = {field.name: field for field in manifest.schema.outputs}
    columns, rows = {}, 0
    for name, values in answers.items():
        assert name in fields, f"the package has no output {name}; it has {', '.join(fields)}"
        columns[name] = _output(fields[name], values)
        rows = len(columns[name])
    return Batch(columns, rows)


def _output(field: Field, values: Any) -> Column:
    if field.kind is Kind.TENSOR:
        return Column(Kind.TENSOR, np.asarray(values, np.float64))
    return convert(from_table({field.name: np.asarray(values)})[0][field.name], field.kind)[0]


def _as_outputs(records: Sequence[Mapping[str, Any]], manifest: Manifest) -> Batch:
    columns = {}
    for field in manifest.schema.outputs:
        values = [record[field.name] for record in records]
        if field.kind is Kind.FLOAT:
            columns[field.name] = Column(field.kind, np.array([np.nan if v is None else v for v in values], np.float64))
        elif field.kind is Kind.TENSOR:
            columns[field.name] = Column(field.kind, np.asarray(values, np.float64))
        else:
            columns[field.name] = convert(
                from_table([{field.name: value} for value in values])[0][field.name], field.kind
            )[0]
    return Batch(columns, len(records))


def _one_null(column: Column, field: Field, row: int) -> Column:
    nothing = all_null(field.carrier, 1, dimensions(field))
    values = column.values.copy()
    values[row] = nothing.values[0]
    if field.carrier is Kind.FLOAT:
        return Column(column.kind, values, None, column.dtype)
    nulls = column.null_mask().copy()
    nulls[row] = True
    return Column(column.kind, values, nulls, column.dtype)


def _rows_named(error: InputError) -> set[int]:
    """The rows that the error's problems name; -1 for a problem that names none."""
    found = set()
    for problem in error.facts.get("problems", [{"path": ""}]):
        head, _, rest = problem["path"].partition("[")
        found.add(int(rest.partition("]")[0]) if head == "rows" and rest else -1)
    return found


def _copied(batch: Batch) -> Batch:
    return Batch(
        {
            name: Column(c.kind, c.values.copy(), None if c.nulls is None else c.nulls.copy(), c.dtype, c.missing)
            for name, c in batch.columns.items()
        },
        batch.rows,
    )


def _same(one: Batch, other: Batch) -> bool:
    if list(one) != list(other) or one.rows != other.rows:
        return False
    return all(
        one[name].dtype == other[name].dtype
        and one[name].kind is other[name].kind
        and np.array_equal(one[name].null_mask(), other[name].null_mask())
        and one[name].to_list() == other[name].to_list()
        if one[name].kind not in (Kind.TENSOR, Kind.LIST)
        else all(np.array_equal(a, b) for a, b in zip(one[name].values, other[name].values, strict=True))
        for name in one
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON")
