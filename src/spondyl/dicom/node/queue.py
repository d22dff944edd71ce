"""The studies of a node and how far each one is; it survives whatever ends the program.

::

    received --quiet--> queued --> processing --> sending --> done
        ^                  ^           |             |
        |                  +- failed --+   failed ---+     waiting for another try
        +--- an instance that is new or differs ----       dead: given up, or refused

Every instance that is new or differs from the one known raises the study's *revision*. What was made from an
older revision is not believed: the study goes back to ``received``. An instance that is known already changes
nothing, so a study sent three times is done once.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from spondyl.dicom.node.database import Database, Run
from spondyl.dicom.node.study import Instance, Stage, State, Study

__all__ = ["StudyQueue"]


class StudyQueue:
    """The studies of one store. Safe to use from many threads and, through SQLite, many processes.

    Args:
        path: The database; made if missing.
        clock: Seconds since 1970; another one in tests.

    Raises:
        InputError: the file is no such database.
    """

    def __init__(self, path: Path | str, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.database = Database(path)

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def get(self, study: int) -> Study | None:
        """The study of a number."""
        found = self.database.studies("id = ?", study)
        return found[0] if found else None

    # -- receiving ----------------------------------------------------------------------------------------

    def open(self, uid: str, source: str) -> Study:
        """The study of a UID; begun if it is not known. Nothing else changes."""
        now = self.clock()
        with self.database.change() as run:
            if not (found := self.database.studies("uid = ?", uid)):
                run(
                    "INSERT INTO study (uid, source, complete, due, changed) VALUES (?, ?, ?, ?, ?)",
                    (uid, source, now, now, now),
                )
                found = self.database.studies("uid = ?", uid)
            return found[0]

    def add(self, study: int, instance: Instance, source: str, *, complete_in: float) -> bool:
        """Record an instance whose file is on disk.

        Args:
            study: Number of its study.
            instance: What was received.
            source: Title that sent it.
            complete_in: Seconds after which the study counts as complete unless more arrives.

        Returns:
            Whether it is new or differs from the one of the same UID: then there is something to do.
        """
        now = self.clock()
        with self.database.change() as run:
            found = run(
                "SELECT digest, size * present, present FROM instance WHERE study = ? AND uid = ?",
                (study, instance.uid),
            ).fetchone()
            digest, size, present = found or ("", 0, 0)
            changed: bool = digest != instance.digest
            run(
                "INSERT OR REPLACE INTO instance (study, uid, digest, size) VALUES (?, ?, ?, ?)",
                (study, instance.uid, instance.digest, instance.size),
            )
            run(
                "UPDATE study SET instances = instances + ?, bytes = bytes + ?, revision = revision + ?,"
                " source = ?, complete = ? WHERE id = ?",
                (1 - present, instance.size - size, changed, source, now + complete_in, study),
            )
            if changed:  # not while it is being worked on: that step looks at the revision when it ends
                run(
                    "UPDATE study SET state = 'received', stage = 'process', tries = 0, error = '',"
                    " changed = ? WHERE id = ? AND state NOT IN ('processing', 'sending')",
                    (now, study),
                )
        return changed

    def size_of(self, study: int, uid: str) -> int | None:
        """Bytes of an instance on disk; ``None`` if it is not there."""
        rows = self.database.rows(
            "SELECT size FROM instance WHERE study = ? AND uid = ? AND present", study, uid
        )
        return rows[0][0] if rows else None

    def settle(self, studies: Iterable[int], *, complete_in: float) -> None:
        """Their sender said that this was all: they are complete after so many seconds of quiet."""
        with self.database.change() as run:
            for study in studies:
                run("UPDATE study SET complete = ? WHERE id = ?", (self.clock() + complete_in, study))

    def refuse(self, study: int, reason: str) -> None:
        """Give a study up for good; its files are to be deleted."""
        with self.database.change() as run:
            self._forget_files(run, study)
            run(
                "UPDATE study SET state = 'dead', stage = 'refused', error = ?, changed = ? WHERE id = ?",
                (reason, self.clock(), study),
            )

    def forget_files(self, where: str, *values: object) -> list[int]:
        """The files of studies that fulfil a condition are to be deleted; what they were stays known."""
        with self.database.change() as run:
            studies = [study.id for study in self.database.studies(where, *values)]
            for study in studies:
                self._forget_files(run, study)
        return studies

    @staticmethod
    def _forget_files(run: Run, study: int) -> None:
        run("UPDATE instance SET present = 0 WHERE study = ?", (study,))
        run("DELETE FROM result WHERE study = ?", (study,))
        run("UPDATE study SET instances = 0, bytes = 0 WHERE id = ?", (study,))

    # -- working ------------------------------------------------------------------------------------------

    def recover(self) -> int:
        """After a start: what was being processed waits again. Returns the number of such studies."""
        with self.database.change() as run:
            return run("UPDATE study SET state = 'queued' WHERE state = 'processing'").rowcount

    def ripen(self) -> list[int]:
        """Queue the received studies whose time has come; returns their numbers."""
        now = self.clock()
        with self.database.change() as run:
            rows = run(
                "UPDATE study SET state = 'queued', tries = 0, due = ?, changed = ? WHERE state = 'received'"
                " AND complete <= ? AND revision > working RETURNING id",
                (now, now, now),
            ).fetchall()
        return [row[0] for row in rows]

    def claim(self, stage: Stage) -> Study | None:
        """The study to work on next, or ``None``; counts as a try."""
        now = self.clock()
        ready, active = {
            Stage.PROCESS: (State.QUEUED, State.PROCESSING),
            Stage.SEND: (State.SENDING, State.SENDING),
        }[stage]
        with self.database.change() as run:
            row = run(
                "SELECT id FROM study WHERE due <= ? AND (state = ? OR (state = 'failed' AND stage = ?))"
                " ORDER BY due, id LIMIT 1",
                (now, ready, stage),
            ).fetchone()
            if row is None:
                return None
            run(
                "UPDATE study SET state = ?, tries = tries + 1, changed = ? WHERE id = ?", (active, now, *row)
            )
            if stage == Stage.PROCESS:
                run("UPDATE study SET working = revision WHERE id = ?", row)
            return self.database.studies("id = ?", *row)[0]

    def processed(self, study: Study, files: Sequence[str]) -> Study:
        """Its results are on disk: to be sent, or if there is nothing to send, done."""
        now = self.clock()
        with self.database.change() as run:
            run("DELETE FROM result WHERE study = ?", (study.id,))
            for place, file in enumerate(files):
                run("INSERT INTO result (study, place, file) VALUES (?, ?, ?)", (study.id, place, file))
            state = State.SENDING if files else State.DONE
            return self._end(run, study, state, stage=Stage.SEND, tries=0, due=now, error="")

    def sent(self, study: Study) -> Study:
        """Its results are delivered."""
        with self.database.change() as run:
            return self._end(run, study, State.DONE, stage=Stage.SEND, tries=0, due=self.clock(), error="")

    def failed(self, study: Study, error: str, *, retry_in: float | None) -> Study:
        """A step went wrong: try again after so many seconds, or (``None``) give it up."""
        state = State.DEAD if retry_in is None else State.FAILED
        with self.database.change() as run:
            due = self.clock() + (retry_in or 0)
            return self._end(run, study, state, stage=study.stage, tries=study.tries, due=due, error=error)

    def put_back(self, study: Study, *, due_in: float = 0) -> Study:
        """A step was not begun, or ended by the node itself: it waits again, and the try does not count."""
        state = State.QUEUED if study.state == State.PROCESSING else State.SENDING
        due, tries = self.clock() + due_in, study.tries - 1
        with self.database.change() as run:
            return self._end(run, study, state, stage=study.stage, tries=tries, due=due, error=study.error)

    def _end(self, run: Run, study: Study, state: State, **columns: object) -> Study:
        """The end of a step; a study that changed meanwhile has to be done again."""
        sets = ", ".join(f"{name} = ?" for name in columns)
        run(
            f"UPDATE study SET state = ?, changed = ?, {sets} WHERE id = ? AND stage != 'refused'",  # noqa: S608
            (state, self.clock(), *columns.values(), study.id),
        )
        run(
            "UPDATE study SET state = 'received', stage = 'process', tries = 0, error = ''"
            " WHERE id = ? AND revision > working AND stage != 'refused'",
            (study.id,),
        )
        return self.database.studies("id = ?", study.id)[0]

    def redirect(self, destination: str, nowhere: str) -> int:
        """After a start: where results go from now on.

        A study whose results were on their way elsewhere begins to send anew, since half of them would be of
        no use there; one that was given up for want of a destination gets it now. Without a destination,
        those that wait for another try are due at once, to be given up.

        Args:
            destination: Any name for it; empty if results stay where they are.
            nowhere: The error of studies that are given up for want of a destination.

        Returns:
            How many studies have results to send.
        """
        now = self.clock()
        with self.database.change() as run:
            before = run("SELECT name FROM destination").fetchone()
            if destination:
                run("DELETE FROM destination")
                run("INSERT INTO destination (name) VALUES (?)", (destination,))
                run(
                    "UPDATE study SET state = 'sending', tries = 0, error = '', due = ?, changed = ?"
                    " WHERE state = 'dead' AND stage = 'send' AND error = ?",
                    (now, now, nowhere),
                )
            if before is None or before[0] != destination:
                run("UPDATE study SET due = ? WHERE state = 'failed' AND stage = 'send'", (now,))
            if destination and before is not None and before[0] != destination:
                run("UPDATE result SET sent = 0 WHERE study IN (SELECT id FROM study WHERE state != 'done')")
            waiting = "SELECT count(*) FROM study WHERE stage = 'send' AND state IN ('sending', 'failed')"
            return int(run(waiting).fetchone()[0])

    # -- results ------------------------------------------------------------------------------------------

    def mark_sent(self, study: int, file: str) -> None:
        """The destination has acknowledged this result."""
        with self.database.change() as run:
            run("UPDATE result SET sent = 1 WHERE study = ? AND file = ?", (study, file))

    def unsent(self, study: int) -> list[str]:
        """Results that the destination has not acknowledged, in their order."""
        rows = self.database.rows(
            "SELECT file FROM result WHERE study = ? AND NOT sent ORDER BY place", study
        )
        return [row[0] for row in rows]
