"""What a node knows about a study, without anything that says whose it is."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Instance", "Stage", "State", "Study"]


class State(StrEnum):
    """How far a study is."""

    RECEIVED = "received"
    QUEUED = "queued"
    PROCESSING = "processing"
    SENDING = "sending"
    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"


class Stage(StrEnum):
    """What is to be done next with a study; says where a failed one goes on. Nothing with a refused one."""

    PROCESS = "process"
    SEND = "send"
    REFUSED = "refused"


@dataclass(frozen=True)
class Study:
    """One study as the queue knows it.

    Attributes:
        id: Number of the study in this queue; the only name it has in logs and on disk.
        uid: Study Instance UID.
        source: Title that sent it last.
        state: How far it is.
        stage: What to do next.
        instances: Instances on disk.
        bytes: Their size.
        revision: Counts the instances that were new or different.
        working: Revision that is, or was last, processed.
        tries: Of the present stage.
        complete: Time (seconds since 1970) at which it counts as complete unless more arrives.
        due: Time of the next step.
        changed: Time of the last step.
        error: Why it failed.
    """

    id: int
    uid: str
    source: str
    state: State
    stage: Stage
    instances: int
    bytes: int
    revision: int
    working: int
    tries: int
    complete: float
    due: float
    changed: float
    error: str


@dataclass(frozen=True)
class Instance:
    """One received object: its SOP Instance UID, the hash of its file and its size in bytes."""

    uid: str
    digest: str
    size: int
