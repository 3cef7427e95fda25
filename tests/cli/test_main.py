"""The door: help, exit codes, errors for people and for programs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from holdall import api, errors
from holdall.cli import main as door
from holdall.cli.group import holdall
from holdall.cli.index import ENTRIES
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]


def every_error(kind: type[errors.Error] = errors.Error) -> list[type[errors.Error]]:
    return [kind, *(below for child in kind.__subclasses__() for below in every_error(child))]


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(api, "versions", fail)


class TestHelp:
    def test_it_names_every_command_with_the_summary_of_the_command_itself(self, run: Run) -> None:
        ran = run("--help")
        assert ran.code == 0
        for name, entry in ENTRIES.items():
            assert re.search(rf"^  {name} +{re.escape(entry.summary)}$", ran.out, re.MULTILINE)
            command = holdall.get_command(None, name)  # type: ignore[arg-type] # the context is not looked at
            assert command is not None
            assert command.name == name
            assert (command.help or "").strip()

    def test_help_imports_no_command_and_nothing_heavy(self) -> None:
        code = "import sys; from holdall.cli.main import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        loaded = set(ran.stderr.split())
        commands = {f"holdall.cli.{entry.module}" for entry in ENTRIES.values()}
        assert not loaded & (commands | {"click", "msgspec", "numpy", "sqlite3", "holdall.api", "onnxruntime"})

    def test_help_takes_under_a_tenth_of_a_second_of_processor_time(self) -> None:
        def seconds() -> float:
            before = os.times()
            subprocess.run([sys.executable, "-m", "holdall", "--help"], check=True, stdout=subprocess.DEVNULL)
            after = os.times()
            return (after.children_user - before.children_user) + (after.children_system - before.children_system)

        assert min(seconds() for _ in range(3)) < 0.1

    def test_the_group_gives_the_same_help(self, run: Run) -> None:
        assert run("-h").out == run("--help").out == run("--help", "--help").out

    def test_without_words_it_shows_the_help_and_says_that_this_was_no_usage(self, run: Run) -> None:
        ran = run()
        assert ran.code == 2
        assert ran.out == run("--help").out

    @pytest.mark.parametrize("name", ENTRIES)
    def test_every_command_has_help_and_takes_json_and_debug(self, run: Run, name: str) -> None:
        ran = run(name, "--help")
        assert ran.code == 0
        assert "--json" in ran.out
        assert "--debug" in ran.out

    def test_the_version_is_that_of_the_distribution(self, run: Run) -> None:
        assert run("--version").out == f"holdall {version('holdall')}\n"

    def test_python_minus_m_is_the_same_command(self) -> None:
        ran = subprocess.run([sys.executable, "-m", "holdall", "--version"], capture_output=True, text=True, check=True)
        assert ran.stdout == f"holdall {version('holdall')}\n"

    def test_the_page_of_commands_is_current(self) -> None:
        script = ROOT / "scripts" / "commands_page.py"
        ran = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stdout) == (0, "current\n")


class TestExitCodes:
    @pytest.mark.parametrize("kind", [kind for kind in every_error() if kind is not errors.Error])
    def test_every_kind_of_error_has_one(self, kind: type[errors.Error]) -> None:
        expected = {
            errors.UsageError: 2,
            errors.PackageDamaged: 2,
            errors.NotFound: 3,
            errors.Refused: 4,
            errors.Conflict: 5,
            errors.CheckFailed: 1,
            errors.Unavailable: 6,
        }
        (code,) = {code for family, code in expected.items() if issubclass(kind, family)}
        assert door.exit_code(kind.__new__(kind)) == code

    def test_an_error_for_people_is_what_happened_and_what_to_do(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        raising(monkeypatch, errors.NothingEarlier("churn", "production"))
        ran = run("list")
        assert ran.code == 5
        assert ran.out == ""
        assert ran.err.splitlines() == [
            "error: churn@production has nothing earlier to go back to",
            "hint:  `holdall history churn@production` shows every move",
        ]

    def test_an_error_for_programs_is_one_object_with_its_facts(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        raising(monkeypatch, errors.NothingEarlier("churn", "production"))
        ran = run("list", "--json")
        assert ran.code == 5
        assert ran.err == ""
        error = ran.json()["error"]
        assert (error["code"], error["name"], error["alias"]) == ("nothing_earlier", "churn", "production")
        assert error["message"]
        assert error["hint"]

    @pytest.mark.parametrize(
        "words",
        [
            ("pakc",),
            ("list", "--jsno"),
            ("show",),
            ("pack", "model.joblib"),
            ("promote", "churn"),
            ("predict", "churn", "x.csv", "--trust", "everything"),
            ("pack", "m.joblib", "--name", "churn", "--record", "all"),
            ("list", "a", "b"),
        ],
    )
    def test_a_mistake_on_the_command_line_is_2_both_for_people_and_for_programs(
        self, run: Run, words: tuple[str, ...]
    ) -> None:
        ran = run(*words)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("error: ")
        assert "--help` shows how it is used" in ran.err
        ran = run(*words, "--json")
        assert ran.code == 2
        assert ran.json()["error"]["code"] == "usage"

    def test_a_near_miss_is_answered_with_what_was_meant(self, run: Run) -> None:
        assert "--reason" in run("rollback", "churn@production", "--reson", "x").err

    def test_what_nobody_foresaw_is_one_line_and_debug_shows_where(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        raising(monkeypatch, ZeroDivisionError("division by zero"))
        ran = run("list")
        assert ran.code == 70
        assert "ZeroDivisionError: division by zero" in ran.err
        assert "--debug" in ran.err
        assert "Traceback" not in ran.err
        ran = run("list", "--debug")
        assert ran.code == 70
        assert "Traceback" in ran.err
        assert run("list", "--json").json()["error"]["code"] == "unexpected"

    def test_debug_shows_the_traceback_of_a_foreseen_error_too(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        raising(monkeypatch, errors.NotFound("not here"))
        ran = run("list", "--debug")
        assert ran.code == 3
        assert "Traceback" in ran.err
        assert "error: not here" in ran.err

    def test_an_interruption_is_130(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        raising(monkeypatch, KeyboardInterrupt())
        ran = run("list")
        assert ran.code == 130
        assert "Traceback" not in ran.err

    def test_whoever_reads_may_stop(self) -> None:
        code = (
            "import sys; from holdall import api; from holdall.cli.main import main;"
            "api.predict = lambda *_, **__: ({'x': n} for n in range(10**6));"
            "sys.exit(main(['predict', 'churn', '-', '--json']))"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == b'{"x":0}\n'
            process.stdout.close()
            errors_printed = process.stderr.read()
            process.wait()
        assert (process.returncode, errors_printed) == (141, b"")

    def test_a_word_that_looks_like_json_after_two_dashes_is_no_option(self, run: Run) -> None:
        ran = run("show", "--", "--json")
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("error: '--json' is not a name")

    def test_json_is_utf_8_where_the_locale_is_not(self) -> None:
        code = (
            "import sys; from holdall import api; from holdall.cli.main import main;"
            "api.predict = lambda *_, **__: [{'café': '東京'}];"
            "sys.exit(main(['predict', 'churn', '-', *sys.argv[1:]]))"
        )
        environ = os.environ | {"PYTHONIOENCODING": "ascii"}
        run = [sys.executable, "-c", code]
        programs = subprocess.run([*run, "--json"], capture_output=True, env=environ, check=True)
        assert programs.stdout.decode() == '{"café":"東京"}\n'
        people = subprocess.run(run, capture_output=True, env=environ, check=True)
        assert b"caf?" in people.stdout


class TestCompletion:
    def test_references_are_completed_from_the_store(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from holdall.cli.options import _complete_reference

        rows = [{"name": "churn", "reference": "churn:1.0.0", "aliases": ["production"]}]
        monkeypatch.setattr(api, "versions", lambda: rows)
        found = [item.value for item in _complete_reference(None, None, "chu")]  # type: ignore[arg-type]
        assert found == ["churn", "churn:1.0.0", "churn@production"]
        raising(monkeypatch, errors.StorageFailed("x", "y"))
        assert _complete_reference(None, None, "chu") == []  # type: ignore[arg-type]

    def test_the_shell_is_told_how(self) -> None:
        environ = os.environ | {"_HOLDALL_COMPLETE": "zsh_source"}
        ran = subprocess.run([sys.executable, "-m", "holdall"], capture_output=True, text=True, env=environ, check=True)
        assert "compdef" in ran.stdout
