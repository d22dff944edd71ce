"""Workers on the machines of a Ray cluster. The only module here that imports ray."""

import logging
from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from spondyl.batch.executors import Executor
from spondyl.batch.executors.ledger import TIME_LIMIT_S, Ledger
from spondyl.batch.job import Job
from spondyl.batch.records import Record, Task, killed
from spondyl.batch.scans import is_url
from spondyl.batch.worker import OVERLAP, Stopped, Worker
from spondyl.errors import MissingDependencyError, SpondylError, WorkerError

__all__ = ["RayCluster"]

logger = logging.getLogger(__name__)

_FALSE_STARTS: Final = 10
"""Workers that die before they are ready, one after the other, until the run gives up."""

_LOOK_S: Final = 30
"""Seconds without an answer after which one looks whether there are machines left."""

_AGAIN_S: Final = 1
"""Seconds between two looks, while a worker that was killed has not ended."""

_GRACE_S: Final = 20
"""Seconds the workers get to end their step when the run is stopped."""


class RayCluster(Executor):
    """Workers that are Ray actors: each loads the networks once, wherever Ray finds room for it.

    A worker whose machine is lost is replaced, and its scans are given to others. Machines that join later
    are used as soon as Ray starts the waiting workers there.

    Args:
        address: As for ``ray.init``: ``"auto"``, ``"HOST:6379"``, ``"ray://HOST:10001"``, or ``"local"``
            for a cluster of this machine alone, which ends with the run.
        workers: How many; ``None`` takes as many as the cluster has room for when the run begins.
        threads: CPU cores for each of them.
        gpus: Use GPUs, if the cluster has any: one for each worker.
        limit_s: Seconds after which a worker that holds scans and finished none is replaced.
    """

    def __init__(
        self,
        address: str = "auto",
        workers: int | None = None,
        *,
        threads: int = 1,
        gpus: bool = False,
        limit_s: float = TIME_LIMIT_S,
    ) -> None:
        try:
            ray: Any = import_module("ray")
        except ImportError as error:
            raise MissingDependencyError("ray is not installed; pip install 'spondyl[ray]'") from error
        self._ray = ray
        try:
            ray.init(address=address, ignore_reinit_error=True, log_to_driver=False, logging_level="warning")
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise WorkerError(
                f"no Ray cluster at {address!r} ({error}); start one with 'ray start --head', or use local"
            ) from error
        self._limit_s = limit_s
        self._resources = {"num_cpus": threads}
        if gpus and ray.cluster_resources().get("GPU", 0) >= 1:
            self._resources["num_gpus"] = 1
        self.workers = workers or self._room()

    def _room(self) -> int:
        """Workers that fit into the cluster as it is now; at least one."""
        has = self._ray.cluster_resources()
        kinds = {"CPU": "num_cpus", "GPU": "num_gpus"}
        return max(
            1,
            min(
                int(has.get(kind, 0) // self._resources[key])
                for kind, key in kinds.items()
                if key in self._resources
            ),
        )

    def run(self, job: Job, tasks: Iterable[Task]) -> Generator[Record, None, None]:
        """See :class:`spondyl.batch.executors.Executor`."""
        job = self._for_elsewhere(job)
        ledger = Ledger((replace(task, scan=task.scan.absolute()) for task in tasks), limit_s=self._limit_s)
        crew, false_starts = _Crew(self._ray, self._resources, job), 0
        try:
            while ledger.has_work or ledger.in_flight:
                while crew.size < self.workers and ledger.has_work:
                    crew.hire()
                for actor in crew.ready:
                    while (task := ledger.next_for(actor)) is not None:
                        crew.give(actor, task)
                for actor in ledger.overdue:
                    crew.end_overdue(actor, f"a scan was not done after {self._limit_s:.0f} s")
                actor, message = crew.hear(ledger.patience_s)
                if isinstance(message, Record):
                    ledger.finished(actor, message.name)
                    yield message
                elif message is None:
                    false_starts = false_starts if actor is None else 0
                else:
                    false_starts += not crew.dismiss(actor)
                    if false_starts >= _FALSE_STARTS:
                        raise WorkerError(f"{false_starts} workers died while starting: {message}")
                    logger.warning("a worker was lost (%s); its scans are tried again", message)
                    slow = actor in crew.overdue
                    lost = ledger.lost(actor, slow=slow)
                    yield from (killed(task, job, message, slow=slow) for task in lost)
        finally:
            crew.end()

    def _for_elsewhere(self, job: Job) -> Job:
        """The job for workers in other folders, and with the GPUs they may have."""
        if "num_gpus" in self._resources and job.engine == "auto":
            job = replace(job, engine="torch")  # the engine that knows GPUs
        return job if is_url(job.out) else replace(job, out=str(Path(job.out).absolute()))


class _Crew:
    """The actors of a run, and what they are asked for."""

    def __init__(self, ray: Any, resources: Mapping[str, int], job: Job) -> None:
        self._ray = ray
        self._kind = ray.remote(max_concurrency=OVERLAP + 1, **resources)(_Actor)
        self._job = job
        self._asked: dict[Any, Any] = {}
        self._waiting: set[Any] = set()
        self.ready: list[Any] = []
        self.overdue: dict[Any, str] = {}

    @property
    def size(self) -> int:
        """Actors there are, ready or not."""
        return len(self.ready) + len(self._waiting)

    def hire(self) -> None:
        """Another actor; Ray starts it where and when there is room."""
        actor = self._kind.remote(self._job)
        self._waiting.add(actor)
        self._asked[actor.load.remote()] = actor

    def give(self, actor: Any, task: Task) -> None:
        """Ask an actor for a record."""
        self._asked[actor.process.remote(task)] = actor

    def end_overdue(self, actor: Any, why: str) -> None:
        """Kill an actor; :meth:`hear` tells why."""
        self.overdue[actor] = why
        self._ray.kill(actor)

    def hear(self, patience_s: float | None) -> tuple[Any, Record | str | None]:
        """The next answer: an actor, and its record, ``None`` when it is ready, or how it was lost.

        Nobody, and ``None``, if there was none for so many seconds, or for a while.

        Raises:
            SpondylError: an actor cannot do its work.
        """
        ending = not self.overdue.keys().isdisjoint(self.ready)
        timeout = _AGAIN_S if ending else min(_LOOK_S, _LOOK_S if patience_s is None else patience_s)
        answers, _ = self._ray.wait(list(self._asked), num_returns=1, timeout=timeout)
        if not answers:
            self._check_machines()
            return None, None
        (answer,) = answers
        actor = self._asked.pop(answer)
        try:
            message = self._ray.get(answer)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, SpondylError) else WorkerError(str(error)) from error
        except self._ray.exceptions.RayError as error:
            if actor in self.overdue:
                return actor, self.overdue[actor]
            lines = str(error).strip().splitlines()
            return actor, " ... ".join(dict.fromkeys((lines[0], lines[-1].strip())))
        if message is None:
            self._waiting.discard(actor)
            self.ready.append(actor)
        return actor, message

    def _check_machines(self) -> None:
        """Do not wait for workers that no machine can start.

        Raises:
            WorkerError: the cluster is gone.
        """
        if not self.ready and not any(node["Alive"] for node in self._ray.nodes()):
            raise WorkerError("no machine of the Ray cluster is left; start it, then the same command, again")

    def dismiss(self, actor: Any) -> bool:
        """Forget a lost actor and all it was asked for; gives whether it was ever ready."""
        self._asked = {answer: other for answer, other in self._asked.items() if other != actor}
        self._waiting.discard(actor)
        if actor in self.ready:
            self.ready.remove(actor)
            return True
        return False

    def end(self) -> None:
        """Stop every actor; what it has at hand ends at its next step, unwritten."""
        for actor in self.ready:
            actor.stop.remote()
        begun = [answer for answer, actor in self._asked.items() if actor in self.ready]
        if begun:
            self._ray.wait(begun, num_returns=len(begun), timeout=_GRACE_S)
        for actor in [*self.ready, *self._waiting]:
            self._ray.kill(actor)


class _Actor:
    """A worker in a process that Ray started."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def load(self) -> None:
        """Load the networks; apart from ``__init__``, so that its errors arrive as they are."""
        self._worker = Worker(self._job)

    def process(self, task: Task) -> Record | None:
        """See :meth:`spondyl.batch.worker.Worker.process`; ``None`` when stopped."""
        try:
            return self._worker.process(task)
        except Stopped:
            return None

    def stop(self) -> None:
        """Give up what is at hand."""
        self._worker.stop()
