"""Every benchmark, one after the other; or those that are named: `python -m benchmarks one_row load`."""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.yardsticks import Absent

ALL = ("one_row", "load", "pack", "exactness", "start", "tracing", "serving", "batch", "browser", "text")


def main(names: list[str]) -> None:
    print("| figure | holdall | alternative | ratio |")
    print("| --- | --- | --- | --- |")
    for name in names or ALL:
        try:
            for figure, ours, other, ratio in import_module(f"benchmarks.{name}").figures():
                print(f"| {figure} | {ours} | {other} | {ratio} |", flush=True)
        except Absent as why:
            print(f"left out {name}: {why}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
