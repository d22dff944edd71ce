"""What the server knows about its cases: one SQLite file that survives being killed.

States go ``queued -> running -> done | failed``, and ``queued | running -> cancelled``; ``failed`` and
``cancelled`` may be queued again. Every change of state names the state it starts from, so that two
threads cannot both win.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, get_args

from spondyl.errors import InputError

__all__ = ["Case", "Order", "State", "Store"]

State = Literal["queued", "running", "done", "failed", "cancelled"]
Order = Literal["newest", "uncertain"]

MOST_ATTEMPTS: Final = 3
"""A scan that brings the whole server down is not tried for ever."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS cases (
    id TEXT PRIMARY KEY,
    place INTEGER NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    progress REAL NOT NULL DEFAULT 0,
    step TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    created TEXT NOT NULL,
    finished TEXT,
    error TEXT,
    vertebrae TEXT NOT NULL DEFAULT '[]',
    numbering_probability REAL,
    flags TEXT NOT NULL DEFAULT '[]',
    corrections INTEGER NOT NULL DEFAULT 0,
    undone TEXT NOT NULL DEFAULT '[]',
    revision INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS cases_by_state ON cases (state, place);
"""

_ORDERS: Final[dict[Order, str]] = {
    "newest": "created DESC, rowid DESC",
    # What a person should look at first: done, not yet corrected, least sure.
    "uncertain": "state != 'done', corrections > 0, numbering_probability IS NULL,"
    " numbering_probability, rowid DESC",
}

_JSON: Final = ("vertebrae", "flags", "undone")


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes:
        id: 32 hexadecimal digits.
        name: What people call it.
        state: Where it stands.
        progress: 0-1.
        step: What is being done, in words.
        attempts: How often it was begun.
        created: ISO 8601, UTC.
        finished: The same, once it is done, failed or cancelled.
        error: Why it failed, for people.
        vertebrae: Names, head to foot.
        numbering_probability: How likely all names are right, 0-1.
        flags: ``{"code":, "message":}``.
        corrections: How many there are.
        undone: Corrections taken back, newest last, as JSON values.
        revision: Of the result; counts corrections, undone and made again.
    """

    id: str
    name: str
    state: State
    progress: float
    step: str | None
    attempts: int
    created: str
    finished: str | None
    error: str | None
    vertebrae: tuple[str, ...]
    numbering_probability: float | None
    flags: tuple[dict[str, str], ...]
    corrections: int
    undone: tuple[dict[str, Any], ...]
    revision: int


class Store:
    """The cases of one data folder. Safe to use from several threads; one server at a time.

    Args:
        path: The SQLite file; made when missing.
        changed: Called with the id of every case that changed or was deleted, from any thread.

    Raises:
        InputError: another server holds the file, or it is no such file.
    """

    def __init__(self, path: Path, changed: Callable[[str], None] = lambda _: None) -> None:
        self._lock = threading.RLock()
        self._changed = changed
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=0.5)
        self._connection.row_factory = sqlite3.Row
        try:
            # Held until the process ends, however it ends: a second server is refused.
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.executescript(_SCHEMA)
            columns = {row["name"] for row in self._connection.execute("PRAGMA table_info(cases)")}
            if "revision" not in columns:  # made before corrections were counted
                self._connection.execute("ALTER TABLE cases ADD COLUMN revision INTEGER NOT NULL DEFAULT 0")
        except sqlite3.OperationalError as error:
            self._connection.close()
            raise InputError(f"{path.parent}: another server is using this folder ({error})") from error
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise InputError(f"{path}: not the database of a server ({error}); move it away") from error

    def close(self) -> None:
        """Let another server have the file."""
        with self._lock:
            self._connection.close()

    def add(self, case: str, name: str) -> Case:
        """A new case at the end of the queue."""
        with self._writing() as run:
            run(
                "INSERT INTO cases (id, place, name, state, created)"
                " VALUES (?, (SELECT coalesce(max(place), 0) + 1 FROM cases), ?, 'queued', ?)",
                (case, name, _now()),
            )
            added = self.get(case)  # here: once it is told of, somebody may delete it
        self._changed(case)
        return added

    def get(self, case: str) -> Case:
        """One case.

        Raises:
            KeyError: there is none of this id.
        """
        rows = self._read("SELECT * FROM cases WHERE id = ?", (case,))
        if not rows:
            raise KeyError(case)
        return _case(rows[0])

    def find(self, state: State | None = None, order: Order = "newest") -> list[Case]:
        """All cases, or those in one state."""
        where, values = ("WHERE state = ?", (state,)) if state else ("", ())
        sql = f"SELECT * FROM cases {where} ORDER BY {_ORDERS[order]}"  # noqa: S608 - constants of this file
        return [_case(row) for row in self._read(sql, values)]

    def counts(self) -> dict[str, int]:
        """How many cases are in each state."""
        found = {row[0]: row[1] for row in self._read("SELECT state, count(*) FROM cases GROUP BY state")}
        return {state: found.get(state, 0) for state in get_args(State)}

    def positions(self) -> dict[str, int]:
        """Place in the queue, 1 = next, of every queued case."""
        rows = self._read("SELECT id FROM cases WHERE state = 'queued' ORDER BY place")
        return {row[0]: place for place, row in enumerate(rows, start=1)}

    def claim(self) -> Case | None:
        """Take the next queued case; it is running from now on."""
        with self._writing() as run:
            rows = self._read("SELECT id FROM cases WHERE state = 'queued' ORDER BY place LIMIT 1")
            if not rows:
                return None
            case = str(rows[0][0])
            run(
                "UPDATE cases SET state = 'running', progress = 0, step = 'starting', error = NULL,"
                " finished = NULL, attempts = attempts + 1 WHERE id = ?",
                (case,),
            )
            claimed = self.get(case)
        self._changed(case)
        return claimed

    def move(self, case: str, start: Collection[State], end: State, **values: Any) -> bool:
        """Change the state of a case, if it is in one of the states ``start``.

        Args:
            case: Its id.
            start: States it may come from.
            end: State it goes to.
            values: Columns to set with it.

        Returns:
            Whether it was.
        """
        if end in {"done", "failed", "cancelled"}:
            values = {"finished": _now(), "step": None, **values}
        columns = ", ".join(f"{column} = ?" for column in ("state", *values))
        marks = ", ".join("?" * len(start))
        with self._writing() as run:
            count = run(
                f"UPDATE cases SET {columns} WHERE id = ? AND state IN ({marks})",  # noqa: S608 - our own names
                (end, *map(_stored, values.values()), case, *start),
            )
        if count:
            self._changed(case)
        return bool(count)

    def requeue(self, case: str) -> bool:
        """Put a failed or cancelled case at the end of the queue; whether it was one."""
        with self._writing() as run:
            count = run(
                "UPDATE cases SET state = 'queued', progress = 0, attempts = 0, error = NULL,"
                " finished = NULL, step = NULL, place = (SELECT max(place) + 1 FROM cases)"
                " WHERE id = ? AND state IN ('failed', 'cancelled')",
                (case,),
            )
        if count:
            self._changed(case)
        return bool(count)

    def delete(self, case: str) -> None:
        """Forget a case."""
        with self._writing() as run:
            run("DELETE FROM cases WHERE id = ?", (case,))
        self._changed(case)

    def resume(self) -> None:
        """After a restart: what was running is queued again, in its old place."""
        with self._writing() as run:
            run(
                "UPDATE cases SET state = 'failed', step = NULL, finished = ?, error = ?"
                " WHERE state = 'running' AND attempts >= ?",
                (
                    _now(),
                    f"the server was stopped {MOST_ATTEMPTS} times while it worked on this scan",
                    MOST_ATTEMPTS,
                ),
            )
            run("UPDATE cases SET state = 'queued', progress = 0, step = NULL WHERE state = 'running'", ())

    def _read(self, sql: str, values: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[Callable[[str, tuple[Any, ...]], int]]:
        """A transaction; gives a function that runs one statement and says how many rows it changed."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield lambda sql, values: self._connection.execute(sql, values).rowcount
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk may have ended it already
                    self._connection.execute("ROLLBACK")
                raise


def _case(row: sqlite3.Row) -> Case:
    values: dict[str, Any] = {key: row[key] for key in Case.__dataclass_fields__}
    return Case(**values | {key: tuple(json.loads(values[key])) for key in _JSON})


def _stored(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, tuple, dict)) else value


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
