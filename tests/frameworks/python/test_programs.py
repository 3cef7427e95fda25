"""Any object that predicts and any function: packed, run by itself, and answering as it did here."""

from __future__ import annotations

import importlib
import json
import linecache
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import holdall
from holdall.engines import source
from holdall.engines.python import FunctionRaised, Worker
from holdall.errors import CheckFailed, UnsupportedModel, UsageError

_RANDOM = np.random.default_rng(0)
TABLE = pd.DataFrame({"a": _RANDOM.normal(size=80), "b": _RANDOM.normal(size=80)})
LABELS = np.where(TABLE["a"] + TABLE["b"] > 0, "yes", "no")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Any]]:
    """Writes a module into a folder that is current and importable, and imports it anew."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    written: set[str] = set()

    def write(name: str, text: str) -> Any:
        written.add(name)
        sys.modules.pop(name, None)
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        linecache.checkcache()
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield write
    for name in written:
        sys.modules.pop(name, None)


def cell(text: str, **given: Any) -> dict[str, Any]:
    """The names of a notebook after a cell was run."""
    text = textwrap.dedent(text)
    name = f"<cell {abs(hash(text))}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    names: dict[str, Any] = {"__name__": "__main__", **given}
    exec(compile(text, name, "exec"), names)  # noqa: S102 — a notebook does no other
    return names


def packed(model: Any, sample: Any = TABLE, **options: Any) -> Any:
    package = holdall.pack(model, name="model", sample=sample, **options)
    assert package.manifest.model.engine == "python"
    assert not package.manifest.portable
    return package


ADD = """
    import numpy as np
    from sklearn.base import BaseEstimator, TransformerMixin

    class Ratio(BaseEstimator, TransformerMixin):
        def __init__(self, by=2.0):
            self.by = by
        def fit(self, X, y=None):
            self.mean_ = np.asarray(X).mean(axis=0)
            return self
        def transform(self, X):
            X = np.asarray(X)
            ratio = [float(str(each)) * self.by for each in X[:, 0] - self.mean_[0]]  # no graph makes text of numbers
            return np.column_stack([X, ratio])
"""


def test_a_function_of_a_module_is_a_model(project: Any) -> None:
    rules = project("rules", "LIMIT = 0.5\ndef score(frame):\n    return frame['a'] * 2 + LIMIT\n")
    package = packed(rules.score)
    assert [step.functions for step in package.manifest.steps] == [("rules:score",)]
    assert package.manifest.row_wise
    answers = holdall.load("model").predict(TABLE)
    np.testing.assert_array_equal(answers["prediction"], TABLE["a"] * 2 + 0.5)


def test_an_object_travels_with_its_state_and_a_fitted_pipeline_in_it(project: Any) -> None:
    rules = project(
        "rules",
        """
        import numpy as np
        class Rule:
            def __init__(self, threshold, model):
                raise_if_called_again = threshold
                self.threshold, self.model = threshold, model
                self.kept = {1: ("x", {2.5}), "w": np.arange(4.0)[::2]}
            def predict(self, frame):
                return np.where(self.predict_proba(frame)[:, 1] > self.threshold, "yes", "no")
            def predict_proba(self, frame):
                return self.model.predict_proba(frame) + 0 * self.kept["w"][0]
            @property
            def classes_(self):
                return self.model.classes_
        """,
    )
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(TABLE, LABELS)
    rule = rules.Rule(0.7, model)
    packed(rule)
    answers = holdall.load("model").predict(TABLE)
    assert list(answers) == ["prediction", "probability_no", "probability_yes"]
    np.testing.assert_array_equal(answers["prediction"], rule.predict(TABLE))
    np.testing.assert_allclose(answers["probability_yes"], model.predict_proba(TABLE)[:, 1], rtol=1e-12)


def test_a_pipeline_with_a_class_of_the_users_own_runs_in_a_process_without_its_module(
    project: Any, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = project("features", ADD)
    model = make_pipeline(features.Ratio(3.0), StandardScaler(), LogisticRegression()).fit(TABLE, LABELS)
    packed(model)
    (tmp_path / "features.py").unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    program = (
        "import sys, json, holdall; rows = json.load(sys.stdin);"
        "print(json.dumps(holdall.load('model').predict(rows))); assert 'features' not in sys.modules"
    )
    rows = TABLE.head(5).to_dict("records")
    told = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        cwd=elsewhere,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    answers = json.loads(told.stdout)
    assert [answer["prediction"] for answer in answers] == model.predict(TABLE.head(5)).tolist()


def test_a_notebooks_own_classes_travel_inside_a_pipeline() -> None:
    names = cell(ADD)
    model = make_pipeline(names["Ratio"](), LogisticRegression()).fit(TABLE, LABELS)
    packed(model)
    answers = holdall.load("model").predict(TABLE)
    np.testing.assert_allclose(answers["probability_yes"], model.predict_proba(TABLE)[:, 1], rtol=1e-12)


def test_two_versions_of_one_class_answer_each_by_its_own_code(project: Any) -> None:
    first = project("rules", "class Rule:\n    def predict(self, frame):\n        return frame['a'] + 1\n")
    holdall.pack(first.Rule(), name="one", sample=TABLE)
    second = project("rules", "class Rule:\n    def predict(self, frame):\n        return frame['a'] + 2\n")
    holdall.pack(second.Rule(), name="two", sample=TABLE)
    one, two = holdall.load("one"), holdall.load("two")
    np.testing.assert_array_equal(two.predict(TABLE)["prediction"] - one.predict(TABLE)["prediction"] > 0.5, True)


def test_a_notebooks_function_takes_a_fitted_model_and_a_frame_of_its_globals_along() -> None:
    model = LogisticRegression().fit(TABLE, LABELS)
    names = cell(
        """
        def score(frame):
            return model.predict_proba(frame)[:, 1] * rates.loc["north", "rate"]
        """,
        model=model,
        rates=pd.DataFrame({"rate": [0.5, 2.0]}, index=["north", "south"]),
    )
    packed(names["score"])
    answers = holdall.load("model").predict(TABLE)
    np.testing.assert_allclose(answers["prediction"], model.predict_proba(TABLE)[:, 1] / 2, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("def score(X):\n    return X[:, 0] + X[:, 1]\n", "numpy"),
        ("def score(rows):\n    return [row['a'] + row['b'] for row in rows]\n", "records"),
        ("def score(row: dict):\n    return row['a'] + row['b'] if row['a'] > -9 else 0.0\n", "record"),
        ("def score(frame):\n    return {'prediction': frame['a'] + frame['b']}\n", "pandas"),
        ("def score(frame):\n    return frame.assign(prediction=frame.a + frame.b)[['prediction']]\n", "pandas"),
    ],
)
def test_a_function_is_given_the_kind_of_table_that_it_takes(text: str, table: str) -> None:
    package = packed(cell(text)["score"])
    assert package.manifest.model.table == table
    answers = holdall.load("model").predict(TABLE)
    np.testing.assert_allclose(answers["prediction"], TABLE["a"] + TABLE["b"], rtol=1e-12)
    alone = holdall.load("model").predict(TABLE.head(1).to_dict("records"))
    assert alone[0]["prediction"] == pytest.approx(TABLE["a"][0] + TABLE["b"][0], rel=1e-12)


def test_what_cannot_be_written_is_named_by_its_path() -> None:
    names = cell(
        """
        import threading
        class Model:
            def __init__(self):
                self.cache = {"lock": threading.Lock()}
            def predict(self, frame):
                return frame["a"]
        """
    )
    with pytest.raises(UsageError, match=r"model\.cache\['lock'\] is a _thread\.lock") as told:
        packed(names["Model"]())
    assert "__getstate__" in str(told.value.hint)


def test_getstate_and_setstate_are_honoured() -> None:
    names = cell(
        """
        import threading
        class Model:
            def __init__(self):
                self.by, self.lock = 3.0, threading.Lock()
            def __getstate__(self):
                return {"by": self.by}
            def __setstate__(self, state):
                self.by, self.lock = state["by"], threading.Lock()
            def predict(self, frame):
                with self.lock:
                    return frame["a"] * self.by
        """
    )
    packed(names["Model"]())
    np.testing.assert_array_equal(holdall.load("model").predict(TABLE)["prediction"], TABLE["a"] * 3.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("async def score(frame):\n    return frame['a']\n", "is async"),
        ("def score(frame):\n    yield frame['a']\n", "is a generator"),
        ("class score:\n    def predict(self, frame):\n        return frame['a']\n", "is a class"),
    ],
)
def test_what_cannot_be_asked_is_refused(text: str, words: str) -> None:
    with pytest.raises(UnsupportedModel, match=words):
        packed(cell(text)["score"])


def test_a_model_that_answers_by_chance_is_not_sealed() -> None:
    names = cell("import random\ndef score(frame):\n    return frame['a'] * random.random()\n")
    with pytest.raises(CheckFailed, match="answers otherwise by itself"):
        packed(names["score"])


def test_two_processes_seal_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "rules.py").write_text(
        "class Rule:\n"
        "    def __init__(self):\n"
        "        self.words = {'x', 'y', 'z', 'w'}\n"
        "        self.again = [self.words, {'k': self.words}]\n"
        "    def predict(self, frame):\n"
        "        return frame['a'] + len(self.words)\n"
    )
    program = (
        "import pandas, holdall; from rules import Rule;"
        "p = holdall.pack(Rule(), name='m', version='1.0.0', sample=pandas.DataFrame({'a': [1.0, 2.0, 3.0]}));"
        "print(sorted((f.path, f.digest) for f in p.manifest.files))"
    )
    told = []
    for seed in ("1", "2"):
        environment = {"HOLDALL_HOME": str(tmp_path / seed), "PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        told.append(done.stdout)
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "root",
    [
        {"call": "os:system", "args": ["true"]},
        {"name": "builtins:eval"},
        {"new": "_holdall_names:NAMES"},
        {"array": "../features.py"},
        {"method": {"list": []}, "of": "__class__"},
        {"pickle": "gASV"},
        ["a list"],
    ],
)
def test_a_state_reaches_nothing_that_the_source_does_not_list(root: Any) -> None:
    code = source.pack({"_holdall_names.py": b"NAMES = {}\n"})
    state = source.pack({"state.json": json.dumps({"globals": [], "root": root}).encode()})
    worker = Worker(code, (), state=state)
    try:
        with pytest.raises(FunctionRaised, match="NotState"):
            worker.ready()
    finally:
        worker.close()


def test_values_of_many_kinds_come_back_as_they_were(project: Any) -> None:
    kinds = project(
        "kinds",
        """
        import collections, dataclasses, datetime, decimal, enum, functools, pathlib, re
        import numpy as np, pandas as pd

        class Colour(enum.Enum):
            RED = "red"

        @dataclasses.dataclass
        class Part:
            name: str
            inner: "Part | None" = None

        Pair = collections.namedtuple("Pair", "x y")

        class Slotted:
            __slots__ = ("v",)

        class Words(dict):
            pass

        def twice(x, by=2):
            return x * by

        class Model:
            def __init__(self):
                shared = [1, 2.5, float("nan"), -0.0, 10**30]
                slotted = Slotted()
                slotted.v = b"bytes"
                words = Words(a=1)
                words.note = "n"
                self.values = {
                    "shared": shared, "again": shared, "colour": Colour.RED, "part": Part("a", Part("b")),
                    "pair": Pair(1, (2, None)), "slotted": slotted, "words": words,
                    "day": datetime.datetime(2024, 2, 3, tzinfo=datetime.timezone.utc), "money": decimal.Decimal("1.10"),
                    "path": pathlib.Path("a/b"), "pattern": re.compile("a+", re.I), "f": functools.partial(twice, by=4),
                    "log": np.log1p, "counts": collections.Counter("aab"), "default": collections.defaultdict(list, k=[1]),
                    "array": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "texts": np.array(["x", None], object),
                    "series": pd.Series([1, None, 3], dtype="Int64", index=["x", "y", "z"]),
                    "frame": pd.DataFrame({"t": pd.to_datetime(["2024-01-01", None]), "c": pd.Categorical(["u", "v"])}),
                    "dtype": np.dtype([("a", "<f8"), ("b", "<i4", (2,))]), "scalar": np.float32(0.1),
                }
                self.values["self"] = self
            def predict(self, frame):
                v = self.values
                assert v["shared"] is v["again"] and v["self"] is self and str(v["shared"][3]) == "-0.0"
                assert v["colour"] is Colour.RED and v["part"] == Part("a", Part("b")) and v["pair"].y == (2, None)
                assert v["slotted"].v == b"bytes" and v["words"] == {"a": 1} and v["words"].note == "n"
                assert v["day"].tzinfo is datetime.timezone.utc and v["money"] == decimal.Decimal("1.10")
                assert v["pattern"].match("AA") and v["f"](2) == 8 and v["log"] is np.log1p
                assert v["counts"]["a"] == 2 and v["default"]["new"] == [] and v["array"].flags.f_contiguous
                assert v["texts"].tolist() == ["x", None] and v["series"].dtype == "Int64" and v["series"]["z"] == 3
                assert str(v["frame"].dtypes["c"]) == "category" and v["frame"]["t"].isna().tolist() == [False, True]
                assert v["dtype"].names == ("a", "b") and v["scalar"].dtype == "float32" and v["path"].name == "b"
                return frame["a"]
        """,
    )
    packed(kinds.Model())
    assert len(holdall.load("model").predict(TABLE)) == len(TABLE)


def test_functions_stand_before_and_after_a_model_that_is_a_program(project: Any) -> None:
    steps = project(
        "steps",
        "def before(frame):\n    return frame.assign(c=frame['a'] * 2)[['c']]\n"
        "def after(frame):\n    return frame.assign(high=frame['prediction'] > 0)\n"
        "class Rule:\n    def predict(self, frame):\n        return frame['c'] + 1\n",
    )
    packed(steps.Rule(), TABLE[["a"]], preprocess=steps.before, postprocess=steps.after)
    answers = holdall.load("model").predict(TABLE[["a"]])
    np.testing.assert_array_equal(answers["prediction"], TABLE["a"] * 2 + 1)
    np.testing.assert_array_equal(answers["high"], TABLE["a"] * 2 + 1 > 0)


def test_a_file_that_a_model_reads_is_included(project: Any, tmp_path: Path) -> None:
    (tmp_path / "limits.json").write_text('{"limit": 2.0}')
    rules = project(
        "rules",
        "import json\ndef score(frame):\n    with open('limits.json') as file:\n"
        "        return frame['a'] * json.load(file)['limit']\n",
    )
    with pytest.raises(UsageError, match=r"limits\.json"):
        packed(rules.score)
    packed(rules.score, include=["limits.json"])
    np.testing.assert_array_equal(holdall.load("model").predict(TABLE)["prediction"], TABLE["a"] * 2)


def test_an_answer_of_arrays_names_its_columns() -> None:
    names = cell("def score(X):\n    return X[:, :2] * 2\n")
    package = packed(names["score"], TABLE.to_numpy())
    assert [field.name for field in package.schema.outputs] == ["prediction_0", "prediction_1"]


def test_an_own_step_that_takes_data_frames_only_is_given_them() -> None:
    names = cell(
        """
        from sklearn.base import BaseEstimator, TransformerMixin
        class Burden(BaseEstimator, TransformerMixin):
            def fit(self, X, y=None):
                self.typical_ = X["a"].median()
                return self
            def transform(self, X):
                return X.assign(c=X["a"] - self.typical_, d=len(X) * 0.0)
        """
    )
    model = make_pipeline(names["Burden"](), LogisticRegression()).fit(TABLE, LABELS)
    package = packed(model)
    assert package.manifest.model.table == "pandas"
    answers = holdall.load("model").predict(TABLE.to_dict("records"))
    assert [answer["prediction"] for answer in answers] == model.predict(TABLE).tolist()


def test_a_class_inside_a_function_takes_along_what_it_has_from_there() -> None:
    names = cell(
        """
        def made(limit):
            words = {True: "hi", False: "lo"}
            class Base:
                def word(self, flag):
                    return words[bool(flag)]
            class Rule(Base):
                @staticmethod
                def is_high(value):
                    return value > limit
                @property
                def other(self):
                    return words
                def predict(self, frame):
                    return [super(Rule, self).word(self.is_high(each)) for each in frame["a"]]
            return Rule()
        """
    )
    packed(names["made"](0.5))
    answers = holdall.load("model").predict(TABLE)
    assert answers["prediction"].tolist() == np.where(TABLE["a"] > 0.5, "hi", "lo").tolist()


def test_a_notebooks_named_tuple_dataclass_and_generic_class_travel() -> None:
    names = cell(
        """
        import dataclasses, typing
        T = typing.TypeVar("T")
        class Pair(typing.NamedTuple):
            low: float
            high: float
            def both(self):
                return tuple(self)
        @dataclasses.dataclass(frozen=True)
        class Bounds:
            pair: Pair
            names: list = dataclasses.field(default_factory=list)
            def ends(self):
                return self.pair.both()
        class Rule(typing.Generic[T]):
            def __init__(self, bounds: T):
                self.bounds = bounds
            def predict(self, frame):
                return frame["a"].clip(*self.bounds.ends())
        """
    )
    packed(names["Rule"](names["Bounds"](names["Pair"](-0.5, 0.5), ["x"])))
    answers = holdall.load("model").predict(TABLE)
    np.testing.assert_array_equal(answers["prediction"], TABLE["a"].clip(-0.5, 0.5))


def test_arrays_with_nan_and_infinity_are_one_column_and_recorded() -> None:
    names = cell(
        """
        import numpy as np
        def parts(frame):
            values = np.c_[frame["a"], np.where(frame["b"] > 0, np.nan, np.inf)]
            return {"parts": values, "size": frame["a"]}
        """
    )
    package = packed(names["parts"])
    inputs, recorded = package.samples
    np.testing.assert_array_equal(recorded["parts"].values[:, 0], inputs["a"].values)
    positive = inputs["b"].values > 0
    assert np.isnan(recorded["parts"].values[positive, 1]).all()
    assert np.isinf(recorded["parts"].values[~positive, 1]).all()
    assert np.isnan(holdall.load("model").predict({"a": 1.0, "b": 2.0})["parts"][1])


def test_lists_that_differ_in_length_are_refused_in_words() -> None:
    names = cell("def f(frame):\n    return [[1.0] * (1 + (b > 0)) for b in frame['b']]\n")
    with pytest.raises(UsageError, match="lists that differ in length"):
        packed(names["f"])


def test_a_library_in_the_models_process_finds_the_systems_commands(project: Any) -> None:
    rules = project(
        "rules",
        """
        import shutil
        def found(frame):
            return [shutil.which("sh") is not None] * len(frame)
        """,
    )
    packed(rules.found)
    assert holdall.load("model").predict(TABLE)["prediction"].all()
