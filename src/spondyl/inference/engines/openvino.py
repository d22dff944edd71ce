"""OpenVINO: the fastest engine on x86 processors."""

import sys
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spondyl.errors import MissingDependencyError, ModelError
from spondyl.inference.engines import Engine, FloatArray, Precision

if TYPE_CHECKING:
    import openvino

__all__ = ["OpenVinoEngine", "core", "keep_silent"]

_LARGE: Final = 2**22
"""Bytes of input from which the working memory is given back; patches are smaller and come in hundreds."""

_ONE_AT_A_TIME: Final = threading.Lock()


def keep_silent() -> None:
    """Keep OpenVINO from telling its maker of every start, over the network and from a forked process.

    Without the package ``openvino_telemetry``, which comes with it, it uses a stub that does nothing.
    """
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: cannot be imported


def core() -> "openvino.Core":
    """The one core of this process, which lives as long as it does.

    OpenVINO (2026.4) gives the thread that first compiles a network another stack for its signal handlers,
    and unmaps that stack when the core goes, in whichever thread that is. The next signal to the first
    thread, such as the end of a child or Ctrl-C, then kills the process, and no handler can tell why.

    Raises:
        ImportError: OpenVINO is not installed.
    """
    keep_silent()
    import openvino

    with _ONE_AT_A_TIME:
        return _kept(openvino.Core)


@cache
def _kept(make: "type[openvino.Core]") -> "openvino.Core":
    return make()


class OpenVinoEngine(Engine):
    """A network in OpenVINO on the CPU.

    Spatial axes stay dynamic: a network fixed to one shape was no faster (3-D 64 x 64 x 80:
    0.22 s against 0.20 s, 2-D 160 x 320: 0.17 s against 0.16 s on two cores).

    Args:
        path: The ONNX file.
        threads: CPU threads; ``None`` takes all cores.
        precision: Set explicitly, since OpenVINO would take bf16 wherever the processor has it.

    Raises:
        MissingDependencyError: OpenVINO is not installed.
        ModelError: the file cannot be used.
    """

    def __init__(self, path: Path, *, threads: int | None = None, precision: Precision = "f32") -> None:
        try:
            shared = core()
        except ImportError as error:
            raise MissingDependencyError("openvino is not installed; pip install openvino") from error
        options = {
            "INFERENCE_PRECISION_HINT": precision,
            "EXECUTION_MODE_HINT": "ACCURACY" if precision == "f32" else "PERFORMANCE",
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # pinned threads starve each other when programs share cores
        }
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = threads
        try:
            compiled = shared.compile_model(str(path), "CPU", options)
        except RuntimeError as error:
            raise ModelError(f"{path}: OpenVINO cannot use this network: {error}") from error
        self._compiled = compiled
        self._request = compiled.create_infer_request()
        self._path = path
        kind = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        self.name = "openvino"
        self.precision = kind
        self.device = "cpu"
        self.batch = 1

    def run(self, x: FloatArray) -> tuple[FloatArray, ...]:
        """See :meth:`spondyl.inference.engines.Engine.run`."""
        try:
            outputs = self._request.infer({0: x}, share_inputs=True)
        except RuntimeError as error:
            raise ModelError(f"{self._path}: does not take an input of shape {x.shape}: {error}") from error
        answer = tuple(outputs.to_tuple())
        if x.nbytes >= _LARGE:  # a whole scan at once: OpenVINO would keep a gigabyte for the next one
            self._compiled.release_memory()
        return answer
