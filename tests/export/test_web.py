"""`holdall export --to web`: what is written was replayed in a browser before, and what cannot be is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import holdall
from holdall.checks.parity import Comparison
from holdall.columns.batch import Batch, concatenate
from holdall.columns.tables import from_table
from holdall.errors import CheckFailed, Conflict, UnreadableFile
from holdall.export import chromium as chromium_module
from holdall.export import web
from holdall.export.chromium import BrowserFailed, BrowserMissing
from holdall.export.replaying import Replayed, replay
from holdall.export.runtime import VERSION, WASM, RuntimeUnavailable
from holdall.packing import drawing
from holdall.scoring.fit import fit
from tests.cli.conftest import Run, run  # noqa: F401 — a fixture
from tests.export.kinds import package
from tests.export.serving import serving
from tests.serve.browser import Browser

pytestmark = pytest.mark.peer
READY = "document.getElementById('message').textContent === 'Press Predict.' && document.getElementById('proof').textContent"


def features(table: pd.DataFrame) -> pd.DataFrame:
    table = table.copy()
    table["ratio"] = table["pay"] / (table["age"].abs() + 1.0)
    table["night"] = (table["seen"].dt.hour < 6).astype(int)
    table["weekday"] = table["seen"].dt.day_of_week
    table["city"] = table["city"].str.strip().str.lower()
    table["initial"] = table["city"].str.slice(0, 1).fillna("?")
    table["known"] = table["plan"].isin(["pro", "team"]).astype(int)
    table["many"] = np.where(table["visits"] > 10, 1, 0)
    return table.drop(columns=["seen", "plan"])


def digits(table: pd.DataFrame) -> np.ndarray:
    """A model that no graph is made of."""
    return np.array([float(len(str(value))) for value in table["age"].tolist()])


def frame(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    pay = random.normal(3000.0, 900.0, rows)
    pay[::17] = np.nan
    return pd.DataFrame(
        {
            "age": random.normal(40.0, 12.0, rows),
            "pay": pay,
            "visits": random.integers(0, 40, rows),
            "active": random.random(rows) < 0.5,
            "city": random.choice(["Rome", " oslo", "Zürich", "São Paulo"], rows),
            "plan": random.choice(["free", "pro", "team"], rows),
            "seen": pd.Timestamp("2024-02-27") + pd.to_timedelta(random.integers(0, 10_000_000, rows), unit="s"),
        }
    )


def labels(table: pd.DataFrame) -> np.ndarray:
    noisy = table["age"] + 10 * (table["plan"] == "pro") + 3 * (table["seen"].dt.hour < 6)
    return np.where(noisy > noisy.median(), "leaves", "stays")


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with churn, whose function is in its graph, and native, which is a plain function."""
    home = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDALL_HOME", str(home))
        table = frame()
        prepared = features(table)
        encode = ColumnTransformer(
            [
                ("numbers", StandardScaler(), ["age", "pay", "visits", "ratio"]),
                ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "initial"]),
            ],
            remainder="passthrough",
        )
        model = make_pipeline(encode, HistGradientBoostingClassifier(max_iter=20, random_state=0))
        holdall.pack(model.fit(prepared, labels(table)), name="churn", sample=table, preprocess=features)
        holdall.pack(digits, name="native", sample=table[["age"]])
    return home


@pytest.fixture
def churn(store: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOLDALL_HOME", str(store))
    return "churn"


@pytest.fixture(scope="session")
def written(
    store: Path, chromium: str, runtime_files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """churn, exported once, and what the verb gave."""
    folder = tmp_path_factory.mktemp("export") / "churn"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDALL_HOME", str(store))
        return folder, holdall.export("churn", to="web", output=folder)


def test_what_is_written_answered_the_recorded_examples(written: tuple[Path, dict[str, Any]]) -> None:
    folder, made = written
    assert holdall.export.__name__ == "export"
    assert made["path"] == str(folder)
    assert made["size"] == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert made["parity"]["rows"] > 0
    assert made["parity"]["passed"]
    assert made["parity"]["label_flips"] == 0
    assert made["latency"].keys() == {"load_ms", "row_ms", "rows_per_second"}
    record = json.loads((folder / "export.json").read_text())
    assert {name: made[name] for name in record} == record
    assert not list(folder.parent.glob(".*")), "nothing is left beside it"
    for path in folder.rglob("*"):
        if path.suffix in (".html", ".js", ".css") or path.name in ("model.mjs", "scoring.mjs"):
            assert "//cdn" not in path.read_text()
            assert "https://" not in path.read_text()


def test_a_thousand_rows_are_answered_as_here(churn: str, written: tuple[Path, dict[str, Any]], chromium: str) -> None:
    """Unseen rows, and rows drawn from the schema with nulls, other texts and extremes among them."""
    opened, model = holdall.open(churn), holdall.load(churn)
    unseen, _ = from_table(frame(700, seed=7), schema=opened.schema)
    rows = concatenate((fit(unseen, opened.schema), drawing.draw(opened.schema, 400, seed=3, strange=0.2)))
    replayed = replay(written[0], opened.schema, rows, chromium)
    comparison = Comparison()
    comparison.add(model.score(rows), replayed.answers, opened.manifest.tolerance, opened.manifest.task)
    assert comparison.rows == 1100
    assert comparison.passed, comparison.differences
    assert comparison.label_flips == comparison.ties == 0


def test_the_page_answers_with_one_press_and_asks_nobody_else(
    churn: str, written: tuple[Path, dict[str, Any]], browser: Browser
) -> None:
    browser.problems.clear()
    with serving(written[0]) as address:
        browser.open(address)
        browser.wait(READY)
        browser.run("document.querySelector('button.main').click()")
        browser.wait("!document.getElementById('answer').hidden")
        told = browser.run(
            "Object.fromEntries([...document.querySelectorAll('#answer tr')].map((l) => [...l.cells].map((c) => c.innerText)))"
        )
        described = browser.run("import('./model.mjs').then((made) => made.description)")
        examples = json.loads((written[0] / "examples.json").read_text())
        record = {field["name"]: value for field, value in zip(described["inputs"], examples[0], strict=True)}
        answer = holdall.load(churn).predict(record)
        assert told.pop("prediction") == answer.pop("prediction")
        assert {name: float(value) for name, value in told.items()} == pytest.approx(answer)
        assert "label flips" in browser.run("document.getElementById('proof').textContent")
        program = browser.run("document.getElementById('program').textContent")
        head, body = 'import { load } from "./model.mjs";', "console.log(await model.predict(rows));"
        assert head in program
        assert body in program
        script = program.replace(head, "const { load } = await import('./model.mjs');").replace(
            body, "return model.predict(rows);"
        )
        (printed,) = browser.run(f"(async () => {{ {script} }})()")
        assert printed == pytest.approx(holdall.load(churn).predict(record))
        browser.run("document.querySelector('#fields input').value = 'old'")
        browser.run("document.querySelector('button.main').click()")
        browser.wait("document.getElementById('message').className === 'bad'")
        assert "age" in browser.run("document.getElementById('message').innerText")
        asked = browser.run("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert asked
    assert all(name.startswith(address) for name in asked)
    assert not browser.problems


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_a_phone_and_a_desk(written: tuple[Path, dict[str, Any]], browser: Browser, width: int) -> None:
    with serving(written[0]) as address:
        browser.show(width, 900)
        browser.open(address)
        browser.wait(READY)
        assert browser.run("document.querySelectorAll('#fields label').length") == 7
        assert browser.run("document.documentElement.scrollWidth") <= width


def test_a_graph_that_was_exchanged_is_not_run(
    written: tuple[Path, dict[str, Any]], browser: Browser, tmp_path: Path
) -> None:
    """A host or a cache may hold the graph of another version beside this one's module."""
    folder = tmp_path / "page"
    shutil.copytree(written[0], folder)
    with (folder / "model.onnx").open("ab") as graph:
        graph.write(b"\0")
    with serving(folder) as address:
        browser.open(address)
        browser.wait("document.getElementById('message').className === 'bad'")
        assert "cannot be loaded" in browser.run("document.getElementById('message').innerText")
    browser.problems.clear()


def test_the_types_say_what_a_row_and_a_prediction_hold(written: tuple[Path, dict[str, Any]]) -> None:
    types = (written[0] / "model.d.ts").read_text()
    assert '  "visits": number | null;\n' in types or '  "visits": number | bigint' in types
    assert '  "active": boolean' in types
    assert '  "seen": string | Date' in types
    assert '"free"' in types
    assert '  "prediction": "leaves" | "stays" | null;\n' in types
    assert '  "probability_leaves": number | null;\n' in types
    assert (written[0] / "model.d.mts").read_text() == types


def test_an_export_is_replaced_by_the_next_but_nothing_else_is(
    churn: str, written: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder = tmp_path / "page"
    shutil.copytree(written[0], folder)
    (folder / "old.txt").write_text("of the earlier export")
    made = holdall.export(churn, output=folder, replay=False)
    assert not (folder / "old.txt").exists()
    assert made["parity"] is made["latency"] is made["browser"] is None
    assert json.loads((folder / "export.json").read_text())["parity"] is None
    other = tmp_path / "work"
    other.mkdir()
    (other / "thesis.txt").write_text("years")
    with pytest.raises(Conflict, match="no earlier export"):
        holdall.export(churn, output=other, replay=False)
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]


def test_a_package_that_needs_python_is_refused_by_name(store: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("HOLDALL_HOME", str(store))
    ran = run("export", "native", "--to", "web", "-o", "page", "--json")
    assert ran.code == 1
    error = ran.json()["error"]
    assert error["code"] == "not_portable"
    assert error["blockers"]
    assert "native:1.0.0 cannot run in a browser" in error["message"]
    assert "holdall show" in error["hint"]
    assert not Path("page").exists()


def test_a_model_whose_tokenizer_runs_beside_its_graph_is_refused() -> None:
    sealed, _ = package()
    replaced = msgspec.structs.replace
    sealed.manifest = replaced(sealed.manifest, steps=(replaced(sealed.manifest.model, engine="text"),))
    with pytest.raises(web.NotForBrowsers, match="model: the engine 'text' does not run in a browser"):
        web.check(sealed)


def test_answers_that_differ_are_told_and_nothing_is_written(
    churn: str, runtime_files: dict[str, bytes], chromium: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = holdall.open(churn)
    samples = opened.samples
    assert samples is not None
    turned = samples[1].take(np.arange(samples[1].rows)[::-1])

    def otherwise(*_: Any) -> Replayed:
        return Replayed(turned, "Chrome 1", {"load_ms": 1.0, "row_ms": 1.0, "rows_per_second": 1.0})

    monkeypatch.setattr(web, "replay", otherwise)
    folder = tmp_path / "page"
    with pytest.raises(CheckFailed, match="answers otherwise in Chrome 1") as raised:
        holdall.export(churn, output=folder)
    assert raised.value.facts["parity"]["passed"] is False
    assert not list(tmp_path.iterdir())


def test_a_graph_that_the_browser_cannot_load_is_told(
    churn: str, written: tuple[Path, dict[str, Any]], chromium: str, tmp_path: Path
) -> None:
    folder = tmp_path / "page"
    shutil.copytree(written[0], folder)
    (folder / "model.mjs").write_text("export const load = async () => { throw new Error('no such operator'); };")
    opened = holdall.open(churn)
    with pytest.raises(CheckFailed, match="no such operator"):
        replay(folder, opened.schema, _examples(opened), chromium)


def _examples(opened: Any) -> Batch:
    samples = opened.samples
    assert samples is not None
    inputs: Batch = samples[0]
    return inputs


def test_a_package_without_examples_is_not_quietly_passed(
    churn: str, chromium: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(holdall.open(churn)), "samples", None)
    with pytest.raises(CheckFailed, match="no recorded examples"):
        holdall.export(churn, output=tmp_path / "page")


class TestWhatIsMissing:
    def test_no_browser(self, churn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(chromium_module, "installed", lambda *_: [])
        with pytest.raises(BrowserMissing, match="none of them is on the PATH") as raised:
            holdall.export(churn, output=tmp_path / "page")
        assert "--no-replay" in str(raised.value.hint)
        with pytest.raises(BrowserMissing, match="no program 'netscape'"):
            holdall.export(churn, output=tmp_path / "page", browser="netscape")

    def test_a_browser_that_ends_at_once(
        self, churn: str, written: tuple[Path, dict[str, Any]], tmp_path: Path
    ) -> None:
        program = tmp_path / "chromium"
        program.write_text("#!/bin/sh\necho 'no display' >&2\nexit 7\n")
        program.chmod(0o755)
        opened = holdall.open(churn)
        with pytest.raises(BrowserFailed, match=r"status 7 .*: no display"):
            replay(written[0], opened.schema, _examples(opened), str(program))

    def test_no_registry(self, churn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("HOLDALL_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
        with pytest.raises(
            RuntimeUnavailable, match=r"http://127.0.0.1:9/onnxruntime-web/-/onnxruntime-web-"
        ) as raised:
            holdall.export(churn, output=tmp_path / "page", replay=False)
        assert "--runtime onnxruntime-web-" in str(raised.value.hint)
        monkeypatch.setenv("npm_config_registry", "file:///etc/passwd?")
        with pytest.raises(RuntimeUnavailable, match="no address of the web"):
            holdall.export(churn, output=tmp_path / "page", replay=False)

    def test_another_file_in_the_place_of_the_runtime(self, churn: str, tmp_path: Path) -> None:
        given = tmp_path / "runtime.tgz"
        given.write_bytes(b"something else")
        with pytest.raises(UnreadableFile, match="not onnxruntime-web"):
            holdall.export(churn, output=tmp_path / "page", replay=False, runtime=given)
        with pytest.raises(UnreadableFile, match="cannot be read"):
            holdall.export(churn, output=tmp_path / "page", replay=False, runtime=tmp_path / "none.tgz")

    def test_a_registry_that_gives_another_file(
        self, churn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        package = tmp_path / "onnxruntime-web" / "-" / f"onnxruntime-web-{VERSION}.tgz"
        package.parent.mkdir(parents=True)
        package.write_bytes(b"changed on its way")
        monkeypatch.setenv("HOLDALL_CACHE", str(tmp_path / "cache"))
        with serving(tmp_path) as registry:
            monkeypatch.setenv("npm_config_registry", registry)
            with pytest.raises(RuntimeUnavailable, match="another file"):
                holdall.export(churn, output=tmp_path / "page", replay=False)

    def test_a_kept_runtime_that_was_changed_is_fetched_again(
        self, churn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runtime_files: dict[str, bytes]
    ) -> None:
        kept = tmp_path / "cache" / "onnxruntime-web" / VERSION
        kept.mkdir(parents=True)
        for name, data in runtime_files.items():
            (kept / name).write_bytes(data)
        monkeypatch.setenv("HOLDALL_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
        holdall.export(churn, output=tmp_path / "page", replay=False)
        (kept / WASM).write_bytes(runtime_files[WASM][:-1])
        with pytest.raises(RuntimeUnavailable):
            holdall.export(churn, output=tmp_path / "page", replay=False)
