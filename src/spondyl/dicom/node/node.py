"""The node: one thread receives, one processes, one sends; the queue is all they share."""

import logging
import shutil
import threading
import time
from collections.abc import Callable
from typing import Final, Self

from spondyl.dicom.node.config import NodeConfig
from spondyl.dicom.node.process import ProcessStudy
from spondyl.dicom.node.queue import StudyQueue
from spondyl.dicom.node.receive import Receiver
from spondyl.dicom.node.send import destination, make_sender
from spondyl.dicom.node.store import Store, flush
from spondyl.dicom.node.study import Stage, State, Study
from spondyl.dicom.node.upkeep import purge
from spondyl.dicom.node.words import told
from spondyl.dicom.node.worker import Process, Verdict, run_limited
from spondyl.errors import SpondylError

__all__ = ["Node"]

logger = logging.getLogger(__name__)

_LOOK_S: Final = 0.5
"""Between two looks at the queue, which other processes may change."""
_CLEAN_S: Final = 600
"""Between two cleanings; older leavings of broken associations are deleted."""
_FULL_S: Final = 60
"""How long a study waits for free space."""
_NOWHERE: Final = (
    "the settings name no destination any more (send_to, stow); started with one, the node sends it"
)


class Node:
    """Receives studies, processes them and sends the results, until it is stopped.

    Args:
        config: All that it needs to know.
        process: What to do with a study; the default finds vertebrae.

    >>> with Node(config) as node:        # doctest: +SKIP
    ...     node.wait()
    """

    def __init__(self, config: NodeConfig, process: Process | None = None) -> None:
        self.config = config
        self.store = Store(config.store)
        self.queue = StudyQueue(self.store.queue)
        self._process = process or ProcessStudy.from_config(
            config, self.store.secret() if config.deidentify else None
        )
        self._sender = make_sender(config)
        self._files = threading.Lock()
        self._stop = threading.Event()
        self._asked_to_stop = False
        self._receiver = Receiver(config, self.store, self.queue, files=self._files)
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Resume what was interrupted, and begin to listen.

        Raises:
            InputError: a certificate, key or file of authorities cannot be used.
            OutputError: another node works in the store, or the address is taken.
            MissingDependencyError: the extra ``[dicom]`` is not installed.
        """
        if self.config.tls is not None:
            self.config.tls.check()
        self.store.lock()
        try:
            self.store.sweep(0, self.queue.clock())
            resumed = self.queue.recover()
            waiting = self.queue.redirect(destination(self.config), _NOWHERE)
            port = self._receiver.start()
        except BaseException:
            self.store.unlock()
            raise
        logger.info(
            "%s listens on %s port %d; %d studies resumed",
            self.config.ae_title,
            self.config.host,
            port,
            resumed,
        )
        if waiting and self._sender is None:
            logger.error("studies with results to send: %d; %s", waiting, _NOWHERE)
        for name, step, pause in (
            ("process", self._process_next, _LOOK_S),
            ("send", self._send_next, _LOOK_S),
            ("clean", self._clean, _CLEAN_S),
        ):
            thread = threading.Thread(target=self._repeat, args=(step, pause), name=f"spondyl-{name}")
            thread.start()
            self._threads.append(thread)

    def wait(self) -> None:
        """Wait until :meth:`ask_to_stop` is called."""
        while not self._asked_to_stop:
            time.sleep(_LOOK_S)

    def ask_to_stop(self) -> None:
        """Let :meth:`wait` end. A signal handler may call it: it takes no lock."""
        self._asked_to_stop = True

    def stop(self, grace_s: float = 20) -> None:
        """Stop in good order: what is being received may end, a study being processed goes back to the queue.

        Args:
            grace_s: Associations that are still open after so many seconds are cut.
        """
        self._stop.set()
        self._receiver.stop_listening()
        end = time.monotonic() + grace_s
        while self._receiver.busy() and time.monotonic() < end:
            time.sleep(_LOOK_S / 10)
        self._receiver.stop()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self.queue.close()
        self.store.unlock()
        logger.info("%s stopped", self.config.ae_title)

    # -- threads ------------------------------------------------------------------------------------------

    def _repeat(self, step: Callable[[], bool], pause_s: float) -> None:
        """Do a step again and again; with a pause if there was nothing to do."""
        while not self._stop.is_set():
            try:
                worked = step()
            except Exception as error:  # a full disk, mostly: it will not stay full, and the node must go on
                logger.error("%s: %s", step.__name__.strip("_"), told(error))  # noqa: TRY400
                worked = False
            if not worked:
                self._stop.wait(pause_s)

    def _clean(self) -> bool:
        with self._files:
            purge(self.queue, self.store, self.config)
        self.store.sweep(_CLEAN_S, self.queue.clock())
        return False

    def _process_next(self) -> bool:
        """Process one study that is complete. Returns whether there was one."""
        self.queue.recover()  # left behind by a step whose end could not be recorded
        self.queue.ripen()
        study = self.queue.claim(Stage.PROCESS)
        if study is None:
            return False
        if study.tries > self.config.processing_tries:
            self._fail(study, "the node ended while processing it, again and again", again=False)
            return True
        if self.store.free_mb() < self.config.min_free_mb:
            logger.error("study %d: waits: less than %d MB free", study.id, self.config.min_free_mb)
            self.queue.put_back(study, due_in=_FULL_S)
            return False
        try:
            self._process_study(study)
        except Exception as error:
            self._fail(study, told(error))
        return True

    def _process_study(self, study: Study) -> None:
        logger.info("study %d: processing %d instances, try %d", study.id, study.instances, study.tries)
        results = self.store.results(study.id)
        shutil.rmtree(results, ignore_errors=True)
        results.mkdir(parents=True)
        outcome = run_limited(
            self._process,
            self.store.received(study.id),
            results,
            limit_s=self.config.time_limit_s,
            stop=self._stop,
        )
        if outcome.verdict == Verdict.STOPPED:
            self.queue.put_back(study)
        elif outcome.verdict != Verdict.DONE:
            self._fail(study, outcome.reason, again=outcome.verdict == Verdict.BROKEN)
        else:
            flush(results)
            files = sorted(file.name for file in results.iterdir())
            after = self.queue.processed(study, files if self._sender else [])
            logger.info("study %d: processed, %d results, now %s", study.id, len(files), after.state)

    def _send_next(self) -> bool:
        """Send the results of one study. Returns whether there was one."""
        study = self.queue.claim(Stage.SEND)
        if study is None:
            return False
        if self._sender is None:  # it waits since before the start, or was retried
            self._fail(study, _NOWHERE, again=False)
            return True
        files = [self.store.results(study.id) / name for name in self.queue.unsent(study.id)]
        try:
            for file in self._sender(files) if files else ():
                self.queue.mark_sent(study.id, file.name)
                if self._stop.is_set():
                    self.queue.put_back(study)
                    return True
        except SpondylError as error:
            self._fail(study, str(error))
        except Exception as error:  # whatever it is, it must not be tried again and again at once
            self._fail(study, told(error))
        else:
            after = self.queue.sent(study)
            logger.info("study %d: sent, now %s", study.id, after.state)
        return True

    def _fail(self, study: Study, reason: str, *, again: bool = True) -> None:
        """Note a failure; try again later, or give up."""
        sending = study.stage == Stage.SEND
        most = self.config.sending_tries if sending else self.config.processing_tries
        retry_in = self.config.wait_s(study.tries) if again and study.tries < most else None
        after = self.queue.failed(study, reason, retry_in=retry_in)
        level = logging.ERROR if after.state == State.DEAD else logging.WARNING
        when = "given up" if retry_in is None else f"again in {retry_in:.0f} s"
        what = "sending" if sending else "processing"
        logger.log(level, "study %d: %s failed, try %d: %s; %s", study.id, what, study.tries, reason, when)
