"""Each command: what it asks of the api, word by word, and what it shows of the answer."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from holdall import api
from holdall.spec.report import Entry, Parity, Report
from tests.cli.conftest import Run

DIGEST = "sha256:" + "a" * 64
PARITY = {
    "rows": 1240,
    "label_flips": 0,
    "ties": 0,
    "refused": 0,
    "max_abs_error": 2e-16,
    "max_rel_error": 3e-16,
    "passed": True,
}
SCHEMA = {
    "inputs": [
        {
            "name": "age",
            "kind": "int",
            "nullable": True,
            "fractions": True,
            "observed": {"minimum": 18.0, "maximum": 92.0, "nulls": 0.05},
        },
        {"name": "plan", "kind": "string", "missing": "none", "observed": {"categories": list("abcdefgh")}},
    ],
    "outputs": [{"name": "prediction", "kind": "string"}, {"name": "embedding", "kind": "tensor", "shape": [3, "n"]}],
}
PACKED: dict[str, Any] = {
    "reference": "churn:1.0.0",
    "name": "churn",
    "version": "1.0.0",
    "digest": DIGEST,
    "fingerprint": DIGEST,
    "reused": False,
    "size": 48_231,
    "engine": "onnx",
    "trust": "data",
    "row_wise": True,
    "task": "classification",
    "schema": SCHEMA,
    "parity": PARITY,
    "portable": True,
    "blockers": [],
    "environment": {"python": ">=3.11", "packages": ["numpy"], "requires": ["numpy>=2"], "locked": False},
    "notes": [],
}
SHOWN: dict[str, Any] = PACKED | {
    "release": {"name": "churn", "version": "1.0.0", "metrics": {"auc": 0.81}, "metadata": {"owner": "risk"}},
    "steps": [{"role": "model", "engine": "onnx", "files": ["model/model.onnx"], "outputs": []}],
    "files": [{"path": "model/model.onnx", "digest": DIGEST, "size": 40_000, "role": "weight"}],
    "layers": [],
    "referrers": [{"artifact_type": "application/vnd.holdall.parity.v0+json", "digest": DIGEST, "size": 900}],
    "aliases": ["production", "staging"],
    "sealed_here": True,
}
MOVE: dict[str, Any] = {
    "alias": "production",
    "from": "1.0.0",
    "to": "1.0.1",
    "name": "churn",
    "action": "promote",
    "reason": "better",
    "actor": "ada",
    "time": "2026-03-01T12:00:00.000000Z",
}


class Call:
    """Stands for a verb of the api: remembers how it was called and gives the answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.given: tuple[tuple[Any, ...], dict[str, Any]] | None = None

    def __call__(self, *positional: Any, **named: Any) -> Any:
        self.given = (positional, named)
        return self.answer


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Any:
    def put(verb: str, answer: Any) -> Call:
        call = Call(answer)
        monkeypatch.setattr(api, verb, call)
        return call

    return put


class TestPack:
    def answer(self, **changes: Any) -> Any:
        return SimpleNamespace(to_json=lambda: PACKED | changes)

    def test_every_flag_reaches_the_api(self, run: Run, fake: Any) -> None:
        call = fake("pack", self.answer())
        ran = run(
            *("pack", "model.joblib", "--name", "churn", "--version", "1.2.0", "--sample", "x.csv", "--target", "y"),
            *("--preprocess", "m:f", "--preprocess", "m:g", "--postprocess", "m:h", "--metric", "auc=0.81"),
            *("--metric", "f1 = 7e-1", "--meta", "owner=a=b", "--requirement", "numpy>=2", "--include", "*.txt"),
            *(
                "--schema",
                "rules.json",
                "--record",
                "real",
                "--wheels",
                "--keep-native",
                "--allow-pickle",
                "-o",
                "out.holdall",
                "--json",
            ),
        )
        assert ran.code == 0
        assert ran.json() == PACKED
        positional, named = call.given
        assert positional == ("model.joblib",)
        assert callable(named.pop("progress"))
        assert named == {
            "name": "churn",
            "version": "1.2.0",
            "sample": "x.csv",
            "target": "y",
            "preprocess": ("m:f", "m:g"),
            "postprocess": ("m:h",),
            "metrics": {"auc": 0.81, "f1": 0.7},
            "metadata": {"owner": "a=b"},
            "requirements": ("numpy>=2",),
            "include": ("*.txt",),
            "schema": "rules.json",
            "record": "real",
            "wheels": True,
            "keep_native": True,
            "allow_pickle": True,
            "output": "out.holdall",
        }

    def test_what_is_not_given_is_the_apis_default(self, run: Run, fake: Any) -> None:
        import inspect

        expected = {
            name: parameter.default
            for name, parameter in inspect.signature(api.pack).parameters.items()
            if parameter.default is not inspect.Parameter.empty
        }
        call = fake("pack", self.answer())
        run("pack", "model.joblib", "--name", "churn")
        named = call.given[1]
        for name in ("name", "progress"):
            named.pop(name)
        assert {name: value or None for name, value in named.items()} == {
            name: value or None for name, value in expected.items() if name != "progress"
        }

    def test_it_shows_what_was_sealed_and_the_next_command(self, run: Run, fake: Any) -> None:
        fake("pack", self.answer())
        ran = run("pack", "model.joblib", "--name", "churn", "-o", "churn.holdall")
        for text in (
            "Sealed churn:1.0.0",
            DIGEST,
            "onnx, portable",
            "✓ 1,240 rows, 0 label flips, largest error 3.0e-16 relative, 2.0e-16 absolute",
            "row-wise  yes",
            "2 columns in, 2 out",
            "48.2 kB",
            "churn.holdall",
            "Next: holdall promote churn:1.0.0 production",
        ):
            assert text in ran.out

    def test_it_says_why_a_package_is_not_portable_and_what_is_worth_knowing(self, run: Run, fake: Any) -> None:
        blockers = [{"step": "pipeline.text (TfidfVectorizer)", "cause": "its tokens follow Unicode"}]
        parity = PARITY | {"passed": False, "label_flips": 1, "ties": 2, "refused": 3}
        fake("pack", self.answer(portable=False, blockers=blockers, engine="skops", parity=parity, notes=["a note"]))
        ran = run("pack", "model.joblib", "--name", "churn")
        assert ran.code == 1
        out = ran.out
        for text in (
            "skops, not portable: it needs Python",
            "pipeline.text (TfidfVectorizer)",
            "its tokens follow Unicode",
            "✗ 1,240 rows, 1 label flip, 2 ties, 3 rows refused by both",
            "a note",
            "do not promote it",
        ):
            assert text in out

    def test_it_says_that_nothing_was_written_anew(self, run: Run, fake: Any) -> None:
        fake("pack", self.answer(reused=True, parity=None, row_wise=False))
        out = run("pack", "model.joblib", "--name", "churn").out
        assert "churn:1.0.0 holds exactly this already" in out
        assert "not measured" in out
        assert "row-wise  no" in out

    @pytest.mark.parametrize(
        "words",
        [
            ("--metric", "auc"),
            ("--metric", "auc=high"),
            ("--metric", "auc=nan"),
            ("--metric", "=1"),
            ("--metric", "auc=1", "--metric", "auc=2"),
            ("--meta", "owner"),
        ],
    )
    def test_a_value_that_cannot_be_is_refused_before_anything_is_opened(
        self, run: Run, fake: Any, words: tuple[str, ...]
    ) -> None:
        call = fake("pack", self.answer())
        ran = run("pack", "model.joblib", "--name", "churn", *words)
        assert (ran.code, call.given) == (2, None)
        assert words[0] in ran.err


class TestShow:
    def test_json_is_what_the_package_says(self, run: Run, fake: Any) -> None:
        call = fake("open", SimpleNamespace(show=lambda: SHOWN))
        assert run("show", "churn@production", "--json").json() == SHOWN
        assert call.given == (("churn@production",), {})

    def test_the_page_has_every_part(self, run: Run, fake: Any) -> None:
        fake("open", SimpleNamespace(show=lambda: SHOWN))
        lines = run("show", "churn").out.splitlines()
        assert lines[0] == "churn:1.0.0  @production  @staging"
        flat = [" ".join(line.split()) for line in lines]
        for line in (
            f"digest {DIGEST}",
            "task classification",
            "metrics auc 0.81",
            "owner risk",
            "column kind missing seen in the sample also takes",
            "age int NaN 18 to 92; 5% missing fractions",
            "plan string no a, b, c, d, e, f and 2 more other text",
            "embedding tensor[3, n]",
            "model onnx model/model.onnx float64",
            "python >=3.11",
            "requires numpy>=2",
            "model/model.onnx 40.0 kB weight sha256:aaaaaaaaaaaa…",
            "application/vnd.holdall.parity.v0+json 900 B sha256:aaaaaaaaaaaa…",
        ):
            assert line in flat


class TestPredict:
    ROWS: ClassVar[list[dict[str, Any]]] = [
        {"prediction": "yes", "probability_yes": 0.75},
        {"prediction": None, "probability_yes": float("nan")},
    ]

    def test_json_is_one_row_a_line(self, run: Run, fake: Any) -> None:
        call = fake("predict", iter(self.ROWS))
        ran = run("predict", "churn", "-", "--json", "--trust", "code", "--policy", "p.toml", "-o", "out.csv")
        assert ran.rows() == [self.ROWS[0], {"prediction": None, "probability_yes": None}]
        assert call.given == (("churn", "-"), {"output": "out.csv", "trust": "code", "policy": "p.toml"})

    def test_people_see_a_table(self, run: Run, fake: Any) -> None:
        fake("predict", [*self.ROWS, {"prediction": "no", "probability_yes": 0.5}])
        assert run("predict", "churn", "x.csv").out.splitlines() == [
            "  prediction  probability_yes",
            "  yes                    0.75",
            "                          nan",
            "  no                      0.5",
        ]

    def test_a_long_table_is_cut_on_a_terminal_only(self, run: Run, fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = [{"x": n} for n in range(1051)]
        fake("predict", rows)
        assert len(run("predict", "churn", "x.csv").out.splitlines()) == 1052
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        assert "1,001 more rows" in run("predict", "churn", "x.csv").out

    def test_a_file_is_named_with_its_rows(self, run: Run, fake: Any) -> None:
        fake("predict", self.ROWS)
        assert run("predict", "churn", "x.csv", "-o", "out.csv").out == "2 rows scored, written to out.csv\n"

    def test_an_empty_table_is_no_error(self, run: Run, fake: Any) -> None:
        fake("predict", [])
        assert run("predict", "churn", "x.csv").out == "0 rows scored\n"
        assert run("predict", "churn", "x.csv", "--json").out == ""


class TestVerify:
    PASSED = Report(
        passed=True,
        findings=(Entry(check="digests", message="9 blobs are as they were sealed"),),
        skipped=(Entry(check="signature", message="no signature is attached"),),
        parity=Parity(rows=12),
    )
    FAILED = Report(passed=False, failures=(Entry(check="digests", message="damaged", path="model/model.onnx"),))

    def test_what_passed_is_0(self, run: Run, fake: Any) -> None:
        call = fake("verify", self.PASSED)
        ran = run("verify", "churn", "--key", "a.pub", "--key", "b.pub", "--trust", "pickle", "--policy", "p")
        assert ran.code == 0
        for text in ("✓ passed", "9 blobs", "skipped: no signature", "12 rows"):
            assert text in ran.out
        assert call.given == (("churn",), {"keys": ("a.pub", "b.pub"), "trust": "pickle", "policy": "p"})

    def test_what_did_not_pass_is_1(self, run: Run, fake: Any) -> None:
        fake("verify", self.FAILED)
        ran = run("verify", "churn")
        assert ran.code == 1
        assert "✗ did not pass" in ran.out
        assert "model/model.onnx" in ran.out
        ran = run("verify", "churn", "--json")
        assert ran.code == 1
        assert ran.json()["passed"] is False
        assert ran.json()["failures"] == [{"check": "digests", "message": "damaged", "path": "model/model.onnx"}]
        assert ran.json()["skipped"] == []


class TestVersions:
    ROW: ClassVar[dict[str, Any]] = {
        "reference": "churn:1.0.0",
        "name": "churn",
        "version": "1.0.0",
        "digest": DIGEST,
        "size": 48_231,
        "created": "2026-03-01T12:00:00.123456Z",
        "engine": "skops",
        "portable": False,
        "metrics": {"auc": 0.81},
        "actor": "ada",
        "aliases": ["production"],
    }

    def test_list(self, run: Run, fake: Any) -> None:
        call = fake("versions", [self.ROW, self.ROW])
        assert run("list", "churn", "--json").rows() == [self.ROW, self.ROW]
        assert call.given == (("churn",), {})
        line = " ".join(run("list").out.splitlines()[1].split())
        assert call.given == ((None,), {})
        assert line == (
            "churn:1.0.0 @production 2026-03-01 12:00:00Z ada skops (needs Python) 48.2 kB auc 0.81 sha256:aaaaaaaaaaaa…"
        )

    def test_an_empty_list_says_how_to_fill_it_and_is_no_line_of_json(self, run: Run, fake: Any) -> None:
        fake("versions", [])
        assert "holdall pack MODEL" in run("list").out
        assert run("list", "--json").out == ""

    def test_history(self, run: Run, fake: Any) -> None:
        call = fake("history", [MOVE | {"from": None}, MOVE])
        assert run("history", "churn@production", "--json").rows() == [MOVE | {"from": None}, MOVE]
        assert call.given == (("churn@production",), {"at": None})
        line = " ".join(run("history", "churn").out.splitlines()[2].split())
        assert line == "2026-03-01 12:00:00Z churn@production promote 1.0.0 1.0.1 ada better"

    def test_history_at_a_moment(self, run: Run, fake: Any) -> None:
        call = fake("history", [self.ROW | {"alias": "production", "at": "2026-03-02"}])
        ran = run("history", "churn", "--at", "2026-03-02")
        assert call.given == (("churn",), {"at": "2026-03-02"})
        assert " ".join(ran.out.splitlines()[1].split()) == f"churn@production churn:1.0.0 {DIGEST}"

    def test_a_history_without_moves(self, run: Run, fake: Any) -> None:
        fake("history", [])
        assert "holdall promote churn production" in run("history", "churn").out

    def test_promote(self, run: Run, fake: Any) -> None:
        call = fake("promote", MOVE)
        words = ("promote", "churn:1.0.1", "production", "--reason", "better", "--require", "test,scan")
        ran = run(*words, "--require", "metric:auc>=0.8", "--json")
        assert ran.json() == MOVE
        assert call.given == (
            ("churn:1.0.1", "production"),
            {"reason": "better", "require": ("test,scan", "metric:auc>=0.8")},
        )
        out = run(*words).out
        assert "churn@production is now 1.0.1 (it was 1.0.0)" in out
        assert "holdall rollback churn@production" in out

    @pytest.mark.parametrize(("before", "said"), [(None, "for the first time"), ("1.0.1", "as before")])
    def test_promote_where_there_is_nothing_to_take_back(
        self, run: Run, fake: Any, before: str | None, said: str
    ) -> None:
        fake("promote", MOVE | {"from": before})
        out = run("promote", "churn:1.0.1", "production").out
        assert said in out
        assert "rollback" not in out

    def test_rollback(self, run: Run, fake: Any) -> None:
        move = MOVE | {"action": "rollback", "from": "1.0.1", "to": "1.0.0"}
        call = fake("rollback", move)
        assert run("rollback", "churn@production", "--reason", "refusals", "--json").json() == move
        assert call.given == (("churn@production",), {"reason": "refusals"})
        assert "churn@production is now 1.0.0 (it was 1.0.1)" in run("rollback", "churn@production").out


class TestDoctor:
    FINE: ClassVar[dict[str, Any]] = {"name": "python", "ok": True, "required": True, "detail": "3.11", "hint": None}
    PART: ClassVar[dict[str, Any]] = {
        "name": "polars",
        "ok": False,
        "required": False,
        "detail": "missing",
        "hint": "pip install polars",
    }
    NEEDED: ClassVar[dict[str, Any]] = {
        "name": "numpy",
        "ok": False,
        "required": True,
        "detail": "missing",
        "hint": "pip install holdall",
    }

    def test_a_part_that_is_missing_is_named_and_no_failure(self, run: Run, fake: Any) -> None:
        fake("doctor", [self.FINE, self.PART])
        ran = run("doctor")
        assert ran.code == 0
        assert "pip install polars" in ran.out
        assert run("doctor", "--json").json() == {"passed": True, "checks": [self.FINE, self.PART]}

    def test_what_nothing_works_without_is_1(self, run: Run, fake: Any) -> None:
        fake("doctor", [self.FINE, self.NEEDED])
        assert run("doctor").code == 1
        ran = run("doctor", "--json")
        assert (ran.code, ran.json()["passed"]) == (1, False)

    def test_this_machine_is_well(self, run: Run) -> None:
        ran = run("doctor", "--json")
        assert ran.code == 0
        assert {"python", "numpy", "local store", "disk"} <= {check["name"] for check in ran.json()["checks"]}
