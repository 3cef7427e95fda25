"""A process that works on a registry and says on its standard output, line by line, what was acknowledged.

python -m tests.registry.worker HOME WHO COUNT
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from holdall.registry.local import LocalRegistry
from holdall.spec.reference import PackageReference
from tests.registry.records import digest, record


def work(home: Path, who: str, count: int) -> None:
    """`count` rounds of: the next version, a referrer of it, a promotion; every third round a rollback."""
    with LocalRegistry(home) as registry:
        for turn in range(count):
            added = registry.add_next(
                "churn", lambda version, turn=turn: record(version=version, content=f"{who}{turn}")
            )
            acknowledge("add", added.version, added.digest)
            registry.attach(added.digest, digest(who), "application/parity")
            acknowledge("attach", added.digest, digest(who))
            move = registry.promote(PackageReference("churn", added.version), "production", actor=who)
            acknowledge("move", move.action, move.from_version, move.to_version, move.actor)
            if turn % 3 == 2:
                move = registry.rollback("churn", "production", actor=who)
                acknowledge("move", move.action, move.from_version, move.to_version, move.actor)


def acknowledge(*words: str | None) -> None:
    os.write(1, (" ".join(str(word) for word in words) + "\n").encode())


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
