"""The tables behind the queue, and transactions on them."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from spondyl.dicom.node.study import Stage, State, Study
from spondyl.errors import InputError

__all__ = ["Database", "Run"]

Run = Callable[..., sqlite3.Cursor]
"""Executes one statement of a transaction."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS study (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, source TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'received', stage TEXT NOT NULL DEFAULT 'process',
    instances INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL DEFAULT 0, working INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
    complete REAL NOT NULL, due REAL NOT NULL, changed REAL NOT NULL, error TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS study_next ON study (state, due);
CREATE TABLE IF NOT EXISTS instance (
    study INTEGER NOT NULL REFERENCES study ON DELETE CASCADE, uid TEXT NOT NULL, digest TEXT NOT NULL,
    size INTEGER NOT NULL, present INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (study, uid)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS result (
    study INTEGER NOT NULL REFERENCES study ON DELETE CASCADE, place INTEGER NOT NULL, file TEXT NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (study, file)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS destination (name TEXT NOT NULL);
"""
_COLUMNS: Final = tuple(Study.__dataclass_fields__)
_BUSY_S: Final = 30
"""How long to wait while another process changes the same database."""


class Database:
    """SQLite with a write-ahead log. Safe to use from many threads and many processes.

    Args:
        path: The file; made if missing.

    Raises:
        InputError: the file is no such database.
    """

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # what was acknowledged outlives a power cut
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise InputError(f"{path}: expected the queue of a node: {error}") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def change(self) -> Iterator[Run]:
        """One transaction: all of it happens, or nothing."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db.execute
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite has rolled back by itself where the disk was full
                    self._db.execute("ROLLBACK")
                raise

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def studies(self, where: str, *values: Any) -> list[Study]:
        """Studies that fulfil a condition."""
        rows = self.rows(f"SELECT {', '.join(_COLUMNS)} FROM study WHERE {where}", *values)  # noqa: S608 - no user's text
        return [
            Study(**{**dict(zip(_COLUMNS, row, strict=True)), "state": State(row[3]), "stage": Stage(row[4])})
            for row in rows
        ]
