"""What people and the clock do with the queue: look, retry, drop, delete what is old."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from spondyl.dicom.node.config import NodeConfig
from spondyl.dicom.node.queue import StudyQueue
from spondyl.dicom.node.store import Store
from spondyl.dicom.node.study import Stage, State, Study
from spondyl.errors import InputError

__all__ = ["counts", "drop", "list_studies", "purge", "retry"]


def list_studies(queue: StudyQueue, states: Sequence[State] = ()) -> list[Study]:
    """The studies, oldest first; all, or those in some states."""
    marks = ", ".join("?" * len(states))
    return queue.database.studies(
        f"state IN ({marks}) ORDER BY id" if states else "TRUE ORDER BY id", *states
    )


def counts(queue: StudyQueue) -> dict[State, int]:
    """How many studies are in each state; every state is named."""
    found = Counter(dict(queue.database.rows("SELECT state, count(*) FROM study GROUP BY state")))
    return {state: found[state] for state in State}


def retry(queue: StudyQueue, store: Store, study: int) -> Study:
    """Try a failed, dead or finished study again, at once, with a full number of tries.

    Raises:
        InputError: there is no such study, it is at work, or its files are gone.
    """
    with queue.database.change() as run:
        found = _idle(queue, study)
        to_send = found.stage == Stage.SEND and found.state != State.DONE
        folder = store.results(study) if to_send else store.received(study)
        if found.stage == Stage.REFUSED or not found.instances or not folder.is_dir():
            raise InputError(f"study {study}: its files are deleted; drop it and let it be sent again")
        state, stage = (State.SENDING, Stage.SEND) if to_send else (State.QUEUED, Stage.PROCESS)
        run(
            "UPDATE study SET state = ?, stage = ?, tries = 0, error = '', due = ?, changed = ? WHERE id = ?",
            (state, stage, queue.clock(), queue.clock(), study),
        )
    return found


def drop(queue: StudyQueue, store: Store, study: int) -> None:
    """Delete a study and all that is known about it; if it is sent again, it is a new one.

    Raises:
        InputError: there is no such study, or it is at work.
    """
    with queue.database.change() as run:
        _idle(queue, study)
        run("DELETE FROM study WHERE id = ?", (study,))
    store.delete(study)


def purge(queue: StudyQueue, store: Store, config: NodeConfig) -> None:
    """Delete the files of studies finished long ago, all of those remembered too long, and lost folders."""
    now = queue.clock()
    finished = "state = 'done' AND instances > 0 AND max(changed, complete) <= ?"
    for number in queue.forget_files(finished, now - config.keep_hours * 3600):
        store.delete(number)
    ended = "(state IN ('done', 'dead') OR revision = 0) AND max(changed, complete) <= ?"
    for study in queue.database.studies(ended, now - config.remember_days * 86400):
        with suppress(InputError):  # somebody had it tried again, or dropped it, meanwhile
            drop(queue, store, study.id)
    lost = set(store.studies())  # before looking at the queue: a study is begun there first
    for number in lost - {row[0] for row in queue.database.rows("SELECT id FROM study")}:
        store.delete(number)


def _idle(queue: StudyQueue, study: int) -> Study:
    """A study that nobody works on; nobody begins to before the end of a transaction around this."""
    found = queue.get(study)
    if found is None:
        raise InputError(f"study {study}: not in the queue of this node")
    if found.state in (State.PROCESSING, State.SENDING):
        raise InputError(f"study {study}: being worked on ({found.state}); wait until that ends")
    return found
