"""Cases in SQLite: states, order, and what a restart makes of them."""

import sqlite3
from pathlib import Path

import pytest

from spondyl.errors import InputError
from spondyl.server.layout import DataFolder
from spondyl.server.store import Store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cases.sqlite"


@pytest.fixture
def store(path):
    made = Store(path)
    yield made
    made.close()


def test_first_come_first_served(store):
    for case in "abc":
        store.add(case, case.upper())
    assert store.positions() == {"a": 1, "b": 2, "c": 3}
    assert (store.claim().id, store.positions()) == ("a", {"b": 1, "c": 2})
    assert store.move("a", ["running"], "cancelled")
    assert store.requeue("a")
    assert list(store.positions()) == ["b", "c", "a"]
    assert not store.requeue("a")
    assert [case.id for case in store.find()] == ["c", "b", "a"]


def test_only_one_of_two_changes_wins(store):
    store.add("a", "A")
    store.claim()
    assert store.move("a", ["queued", "running"], "cancelled")
    assert not store.move("a", ["running"], "done", progress=1.0)
    assert store.get("a").state == "cancelled"
    assert store.get("a").finished is not None


def test_what_a_person_should_look_at_first(store):
    for case, sure, corrections in (("a", 0.9, 0), ("b", 0.4, 0), ("c", None, 0), ("d", 0.1, 1)):
        store.add(case, case)
        store.move(case, ["queued"], "done", numbering_probability=sure, corrections=corrections)
    store.add("e", "waiting")
    assert [case.id for case in store.find(order="uncertain")] == ["b", "a", "c", "d", "e"]
    assert [case.id for case in store.find("queued", "uncertain")] == ["e"]
    assert store.counts() == {"queued": 1, "running": 0, "done": 4, "failed": 0, "cancelled": 0}


def test_a_restart_takes_up_what_was_running_in_its_old_place(path):
    store = Store(path)
    for case in "ab":
        store.add(case, case)
    store.claim()
    store.close()
    for attempt in range(3):
        store = Store(path)
        store.resume()
        if attempt < 2:
            assert (store.claim().id, store.get("a").attempts) == ("a", attempt + 2)
        store.close()
    store = Store(path)
    assert store.get("a").state == "failed"
    assert "stopped 3 times" in store.get("a").error
    assert store.claim().id == "b"
    store.close()


def test_two_servers_never_share_a_folder(path, store):
    store.add("a", "A")
    with pytest.raises(InputError, match="another server is using this folder"):
        Store(path)
    path.with_name("other.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(InputError, match="not the database of a server"):
        Store(path.with_name("other.sqlite"))


def test_a_failed_change_leaves_the_row(store):
    store.add("a", "A")
    with pytest.raises(sqlite3.IntegrityError):
        store.add("a", "again")
    assert store.get("a").name == "A"
    with pytest.raises(KeyError):
        store.get("b")


def test_everybody_hears_of_every_change(path):
    heard = []
    store = Store(path, heard.append)
    store.add("a", "A")
    store.claim()
    store.move("a", ["running"], "failed", error="no")
    store.move("a", ["running"], "done")
    store.delete("a")
    assert heard == ["a"] * 4
    store.close()


def test_a_case_deleted_as_soon_as_it_is_told_of(path):
    """The thread that claims cases must not stumble over it: nobody would start it again."""
    store = Store(path, lambda case: told.append(case) or (len(told) == 2 and store.delete(case)))
    told = []
    assert store.add("a", "A").id == "a"
    assert (store.claim().id, store.claim()) == ("a", None)
    told = ["the next one is deleted at once"]
    assert store.add("b", "B").id == "b"
    assert store.find() == []
    store.close()


def test_a_table_of_an_earlier_version_is_brought_up_to_date(path):
    Store(path).close()
    old = sqlite3.connect(path)
    old.execute("ALTER TABLE cases DROP COLUMN revision")
    old.execute("INSERT INTO cases (id, place, name, state, created) VALUES ('a', 1, 'A', 'queued', '2026')")
    old.commit()
    old.close()
    store = Store(path)
    assert [(case.id, case.revision) for case in store.find()] == [("a", 0)]
    assert store.add("b", "B").revision == 0
    store.close()


def test_cleaning_what_is_being_deleted(tmp_path, monkeypatch):
    """The folder goes in the moment between two looks."""
    files = DataFolder(tmp_path).case("a")
    files.clean()
    monkeypatch.setattr(Path, "is_dir", lambda _: True)
    files.clean()


def test_leftovers_are_swept(tmp_path):
    data = DataFolder(tmp_path / "data")
    data.make()
    for name in ("incoming/x", "cases/known", "cases/unknown"):
        (data.root / name / "upload").mkdir(parents=True)
    (data.root / "incoming" / "left.zip").write_bytes(b"x")
    data.sweep({"known"})
    assert [path.name for path in (data.root / "cases").iterdir()] == ["known"]
    assert list((data.root / "incoming").iterdir()) == []
    assert data.root.stat().st_mode & 0o077 == 0
