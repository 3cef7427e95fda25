"""Every form that a function comes in: it travels and answers as it did, or an error says what to do."""

from __future__ import annotations

import functools
import importlib
import linecache
import math
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

import holdall
from holdall.columns.pandas import from_pandas
from holdall.engines import source
from holdall.engines.python import FunctionRaised, Worker
from holdall.errors import UsageError
from holdall.packing import closure
from holdall.packing.capturing import Captured, capture
from holdall.packing.closure import find_spec, is_local
from holdall.packing.inferring import infer

FRAME = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [2.0, 5.0, 10.0]})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Writes modules into a folder that is current and importable; gives the one that is imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def write(name: str, **modules: str) -> Any:
        for dotted, text in modules.items():
            file = tmp_path / (dotted.replace("_IN_", "/") + ".py")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text))
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def cell(text: str, name: str = "<cell 1>") -> dict[str, Any]:
    """The names of a notebook after a cell was run."""
    text = textwrap.dedent(text)
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, name, "exec"), names)  # noqa: S102
    return names


def answers(captured: Captured, frame: pd.DataFrame = FRAME) -> dict[str, list[Any]]:
    """What the sealed functions give in a process that has nothing but them."""
    batch = from_pandas(frame)
    worker = Worker(captured.code, captured.names)
    try:
        made = worker.call(captured.names, batch, infer(batch, {}), "pandas")
    finally:
        worker.close()
    return {name: made[name].to_list() for name in made}


def check(function: Any, *include: str) -> Captured:
    """The sealed function answers as the live one does."""
    captured = capture(function, (), include)
    expected = from_pandas(function(FRAME.copy()))
    assert answers(captured) == {name: expected[name].to_list() for name in expected}
    return captured


def files(captured: Captured) -> set[str]:
    assert captured.code is not None
    return set(source.unpack(captured.code))


def test_a_function_of_a_module_travels_with_every_local_module_that_it_imports(project: Any) -> None:
    module = project(
        "features",
        features="""
            import helpers.ratios as r
            from helpers import constants
            import pandas as pd
            def add(df):
                if len(df):
                    from lazily import late
                return df.assign(c=r.ratio(df) * constants.TWO + late(0))
        """,
        helpers_IN___init__="",
        helpers_IN_ratios="from .constants import TWO\nfrom . import deep\ndef ratio(df): return deep.first(df) / df.b",
        helpers_IN_constants="TWO = 2",
        helpers_IN_deep="def first(df): return df.a",
        lazily="def late(x): return x + 1",
        unused="raise SystemExit",
    )
    captured = check(module.add)
    assert captured.names == ("features:add",)
    assert files(captured) == {
        "features.py", "helpers/__init__.py", "helpers/ratios.py", "helpers/constants.py", "helpers/deep.py", "lazily.py",
    }  # fmt: skip
    assert f"pandas=={pd.__version__}" in captured.requires


def test_a_lambda_of_a_module_travels_by_its_name(project: Any) -> None:
    module = project("features", features="double = lambda df: df * 2")
    assert check(module.double).names == ("features:double",)


def test_a_notebooks_function_travels_with_what_it_needs_and_no_more() -> None:
    names = cell(
        """
        import numpy as np, math
        from math import pi
        import scipy
        import scipy.stats
        FACTOR = 3
        TABLE = {"x": [1, 2.5, float("inf")], "y": np.arange(3)}
        UNUSED = object()
        def helper(x):
            return x * FACTOR + TABLE["y"][1]
        def add(df):
            # a comment stays
            return df.assign(c=helper(df.a) + pi + math.e + scipy.stats.norm.cdf(0.0), d=np.log(df.b))
        """
    )
    captured = check(names["add"])
    text = source.unpack(captured.code or b"")["captured.py"].decode()
    assert "# a comment stays" in text
    assert "UNUSED" not in text
    assert any(line.startswith("scipy==") for line in captured.requires)


def test_functions_of_a_notebook_may_call_each_other_and_be_decorated() -> None:
    names = cell(
        """
        import functools
        def plus(n):
            def decorate(function):
                @functools.wraps(function)
                def inner(df):
                    return function(df) + n
                return inner
            return decorate
        def even(df, n=4):
            return df if n == 0 else odd(df, n - 1)
        def odd(df, n):
            return df if n == 0 else even(df * 2, n - 1)
        @plus(10)
        def step(df):
            return even(df)
        """
    )
    check(names["step"])


def test_a_closure_over_a_small_value_travels_with_it() -> None:
    def make(factor: float, shift: dict[str, float]) -> Any:
        def scale(df: pd.DataFrame) -> pd.DataFrame:
            return df * factor + shift["by"]

        return scale

    check(make(2.5, {"by": -1.0}))


def test_a_closure_over_something_large_is_refused_with_what_to_do() -> None:
    table = FRAME.copy()

    def join(df: pd.DataFrame) -> pd.DataFrame:
        return df + table

    with pytest.raises(UsageError, match="'table', a pandas") as caught:
        capture(join, (), ())
    assert "include=" in str(caught.value.hint)


def test_a_lambda_travels() -> None:
    check(lambda df: df + math.pi)


def test_lambdas_of_one_line_are_told_apart_or_refused() -> None:
    one, two = (lambda df: df + 1), (lambda df: df + 2)
    check(one)
    check(two)
    many = [lambda df, by=by: df * by for by in (2, 3)]
    check(many[1])


def test_a_function_without_source_is_refused_with_what_to_do() -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    exec("def typed(df): return df", names)  # noqa: S102
    with pytest.raises(UsageError, match="source of typed is not kept") as caught:
        capture(names["typed"], (), ())
    assert "features.py" in str(caught.value.hint)


def test_a_method_of_a_plain_object_travels_with_its_attributes() -> None:
    names = cell(
        """
        class Scaler:
            def __init__(self, by): self.by = by
            def apply(self, df): return df * self.by
            def __call__(self, df): return df + self.by
            @classmethod
            def two(cls, df): return cls(2).apply(df)
        """
    )
    scaler = names["Scaler"](7.5)
    check(scaler.apply)
    check(scaler)
    check(names["Scaler"].two)


def test_a_text_of_several_lines_keeps_its_lines_wherever_the_function_was_written() -> None:
    names = cell(
        '''
        import io
        import pandas as pd

        class Maker:
            def make(self, by):
                    def inner(df):
                        table = pd.read_csv(io.StringIO("""a,k
        1,7
          2, 8
        """))
                        return df.assign(k=len(table) * by, width="""
                            wide""", narrow=f"""{by}
        x""")
                    return inner

            def __call__(self, df):
                return df.assign(words="""
        at the margin
            not""")

        def factory():
                def inner(df): return df.assign(words="""
        flush""")
                return inner

        made, plain, called = Maker().make(3), factory(), Maker()
        '''
    )
    check(names["made"])
    check(names["plain"])
    check(names["called"])


def test_a_closure_may_hold_functions_and_objects_of_the_name_that_it_has_for_them() -> None:
    names = cell(
        """
        class Factor:
            by = 2

        def make(config, inner):
            def helper(column): return column * config.by
            def step(df):
                if df.empty: unset
                return df.assign(b=inner(helper(df.b)))
            if config is None: unset = 1
            return step

        def then(first, second):
            return lambda df: second(first(df))

        def counted():
            calls = 0
            def step(df):
                nonlocal calls
                calls += 1
                return df.assign(n=df.a + 1)
            return step

        step = make(Factor(), lambda column: column + 1)
        both = then(then(step, lambda df: df.assign(p=1)), lambda df: df.assign(q=2))
        count = counted()
        """
    )
    check(names["step"])
    check(names["both"])
    check(names["count"])


def test_constants_of_time_of_categories_and_of_collections_travel_under_any_import() -> None:
    names = cell(
        """
        import collections, logging
        from datetime import date, datetime, time, timedelta, timezone
        from zoneinfo import ZoneInfo
        import pandas as pd

        CONSTANTS = {
            "utc": datetime(2024, 1, 1, tzinfo=timezone.utc),
            "berlin": datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
            "zone": timezone(timedelta(hours=2), "two"),
            "time": time(3, 4, tzinfo=timezone.utc),
            "day": date(2024, 2, 29),
            "naive": datetime(2024, 1, 1, 1, 2, 3, 4),
        }
        MOMENTS = [
            pd.Timestamp("2024-01-01"),
            pd.Timestamp("2024-01-01", tz="Europe/Berlin") + pd.DateOffset(months=6),
            pd.Timestamp(1, unit="ns"),
            pd.Timedelta(days=-2, milliseconds=3),
        ]
        LEVELS = pd.CategoricalDtype(["high", "low"], ordered=True)
        BINS = pd.CategoricalDtype([2, 1])
        COUNTS = collections.defaultdict(int, a=2)
        LISTS = collections.defaultdict(list)
        ORDER = collections.OrderedDict(b=1, a=2)
        SEEN = collections.Counter("aab")
        log = logging.getLogger("features")

        def step(df):
            log.debug("called")
            later = [str(one + pd.DateOffset(months=6)) for one in MOMENTS[:2]]
            told = [repr(CONSTANTS), repr(MOMENTS), *later, repr(LEVELS), repr(BINS), repr(COUNTS), COUNTS["none"]]
            return df.assign(told=repr([*told, LISTS["x"], list(ORDER.items()), SEEN, log.name]))
        """
    )
    check(names["step"])


def test_a_local_module_in_a_namespace_that_is_installed_too_travels(
    project: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    (site / "company_shared" / "tools").mkdir(parents=True)
    (site / "company_shared" / "tools" / "__init__.py").write_text("K = 2\n")
    (site / "company_tools-1.0.dist-info").mkdir()
    (site / "company_tools-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: company-tools\nVersion: 1.0\n"
    )
    (site / "company_tools-1.0.dist-info" / "RECORD").write_text("company_shared/tools/__init__.py,,\n")
    monkeypatch.syspath_prepend(str(site))
    closure._holders.cache_clear()
    closure._installed.cache_clear()
    try:
        module = project(
            "company_shared.features",
            company_shared_IN_features="from company_shared import tools\ndef step(df): return df * tools.K\n",
        )
        captured = capture(module.step, (), ())
    finally:
        closure._holders.cache_clear()
        closure._installed.cache_clear()
    assert files(captured) == {"company_shared/features.py"}
    assert "company-tools==1.0" in captured.requires


def test_a_plain_object_as_a_global_constant_travels() -> None:
    names = cell(
        """
        from dataclasses import dataclass, field
        from enum import Enum
        import numpy as np

        @dataclass(frozen=True)
        class Config:
            by: float
            names: list = field(default_factory=list)

        class Mode(Enum):
            LOG = "log"
            RAW = "raw"

        CONFIG, MODE = Config(3.5, ["a"]), Mode.LOG

        def step(df):
            return df[CONFIG.names] * CONFIG.by if MODE is Mode.LOG else df
        """,
        "<cell 2>",
    )
    check(names["step"])


def test_an_object_that_holds_more_than_its_attributes_is_refused() -> None:
    names = cell("class Table(dict): pass\nTABLE = Table(a=2)\ndef step(df): return df * TABLE['a']")
    with pytest.raises(UsageError, match="'TABLE', a __main__"):
        capture(names["step"], (), ())


def test_a_method_of_a_fitted_estimator_is_refused_with_what_to_do() -> None:
    scaler = StandardScaler().fit(FRAME)
    with pytest.raises(UsageError, match="StandardScaler") as caught:
        capture(scaler.transform, (), ())
    assert "into the pipeline" in str(caught.value.hint)


def test_a_fitted_model_as_a_global_is_refused_with_its_name() -> None:
    names = cell("def step(df): return df.assign(c=scaler.transform(df)[:, 0])")
    names["scaler"] = StandardScaler().fit(FRAME)
    with pytest.raises(UsageError, match="step uses 'scaler'"):
        capture(names["step"], (), ())


def scaled(df: pd.DataFrame, by: float, plus: float = 0.0) -> pd.DataFrame:
    return df * by + plus


def test_a_partial_travels_with_its_values() -> None:
    check(functools.partial(scaled, by=2.0, plus=float("inf")))


def test_a_function_of_an_installed_distribution_needs_no_source() -> None:
    captured = capture(np.abs, (), ())
    assert captured.names == ("numpy:absolute",)
    assert captured.code is None


def test_a_file_read_by_its_relative_path_works_once_it_is_included(project: Any, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "factors.json").write_text('{"a": 4}')
    module = project(
        "features",
        features="import json\ndef add(df):\n    with open('data/factors.json') as file: return df * json.load(file)['a']",
    )
    with pytest.raises(FunctionRaised, match="FileNotFoundError"):
        answers(capture(module.add, (), ()))
    assert "data/factors.json" in files(check(module.add, "data/*.json"))
    assert "data/factors.json" in files(check(module.add, "data"))


def test_an_included_file_lies_beside_a_module_that_was_imported_from_a_folder_below(
    project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    text = "from pathlib import Path\nBY = float((Path(__file__).parent / 'by.txt').read_text())\ndef add(df): return df * BY"
    (tmp_path / "src" / "shop").mkdir(parents=True)
    (tmp_path / "src" / "shop" / "by.txt").write_text("3")
    module = project("shop.features", src_IN_shop_IN___init__="", src_IN_shop_IN_features=text)
    check(module.add, "src/shop/*.txt")


@pytest.mark.parametrize(("glob", "words"), [("nothing*.csv", "no file here"), ("../x", "out of this folder")])
def test_an_include_that_cannot_be_is_told(project: Any, glob: str, words: str) -> None:
    module = project("features", features="def add(df): return df")
    with pytest.raises(UsageError, match=words):
        capture(module.add, (), (glob,))


def test_a_program_that_packs_is_not_run_again_for_one_function_of_it(project: Any) -> None:
    module = project("train", train="import holdall\nBY = 2\ndef add(df): return df * BY\n")
    captured = check(module.add)
    assert files(captured) == {"captured.py"}


def test_a_module_that_only_holdall_can_run_is_refused(project: Any) -> None:
    module = project("features", features="def add(df):\n    import holdall\n    return df")
    with pytest.raises(UsageError, match="imports holdall"):
        capture(module.add, (), ())


@pytest.mark.parametrize("given", [5, "features", "no.such:thing", [len, None]])
def test_what_is_no_function_is_refused(given: Any) -> None:
    with pytest.raises(UsageError):
        capture(given, (), ())


def test_files_without_a_function_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "limits.csv").write_text("a\n1\n")
    model = StandardScaler().fit(FRAME)
    with pytest.raises(UsageError, match="no function"):
        holdall.pack(model, name="scaler", sample=FRAME, include=["limits.csv"])


def test_the_same_functions_give_the_same_bytes(project: Any) -> None:
    text = "NAMES = {'b', 'a', 'c'}\ndef add(df): return df.assign(n=len(NAMES))"
    first, second = capture(cell(text)["add"], (), ()), capture(cell(text)["add"], (), ())
    assert first.code == second.code


def test_local_is_what_no_installed_distribution_holds(project: Any) -> None:
    project("mine", mine="")
    for name, local in {"mine": True, "numpy": False, "json": False, "sys": False, "tests.workload": True}.items():
        spec = find_spec(name)
        assert spec is not None
        assert is_local(spec) is local, name
    assert holdall.__name__ == "holdall"
