"""The folder of one run, beside its output and in the same file system: the journal, and the output until it is whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdall.batch.journal import Journal
from holdall.content.durable import storing

JOURNAL = "journal"


class Workspace:
    """path: the folder; journal: held by this process while it is open."""

    def __init__(self, output: Path) -> None:
        whole = output.absolute()
        self.path = whole.parent / f".{whole.name}.holdall-run"
        self._done = False
        with storing(self.path):
            self.path.mkdir(exist_ok=True)
        self.journal = Journal(self.path / JOURNAL)
        self.clear()

    def clear(self) -> None:
        """Removes all that is not the journal."""
        with storing(self.path):
            for entry in self.path.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                elif entry.name != JOURNAL:
                    entry.unlink()

    def remove(self) -> None:
        with storing(self.path):
            shutil.rmtree(self.path)


@contextmanager
def opened_workspace(output: Path) -> Iterator[Workspace]:
    """The workspace; gone at the end, but for the journal of a run that did not come to its end and scored something."""
    workspace = Workspace(output)
    try:
        yield workspace
    except BaseException:
        if workspace.journal.worth_keeping():
            workspace.clear()
        else:
            workspace.remove()
        raise
    else:
        workspace.remove()
    finally:
        workspace.journal.close()
