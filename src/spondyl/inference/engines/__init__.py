"""What runs a network: one small interface, and OpenVINO, ONNX Runtime and torch behind it.

An engine is chosen by :func:`load_engine`. Adding one means writing one class with ``run`` and
naming it in ``_HOMES``; nothing else knows which engine is at work.
"""

import logging
from importlib import import_module
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from spondyl.errors import MissingDependencyError, ModelError
from spondyl.models import Model, Stage

__all__ = ["Engine", "EngineName", "FloatArray", "Precision", "load_engine"]

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float32]
EngineName = Literal["auto", "openvino", "onnxruntime", "torch"]
Precision = Literal["f32", "bf16"]

_HOMES: Final = {  # in the order in which "auto" tries them; the first two are measured on CPUs
    "openvino": "spondyl.inference.engines.openvino:OpenVinoEngine",
    "onnxruntime": "spondyl.inference.engines.onnxruntime:OnnxRuntimeEngine",
    "torch": "spondyl.inference.engines.torch:TorchEngine",
}


class Engine(Protocol):
    """A network, ready to run. The same input gives the same output, every time.

    Attributes:
        name: ``"openvino"``, ``"onnxruntime"`` or ``"torch"``.
        precision: What it really computes in, ``"f32"`` or ``"bf16"``.
        device: Where, ``"cpu"`` or ``"cuda"``.
        batch: How many inputs at once are worthwhile; 1 on a CPU, where more only cost memory.
    """

    name: str
    precision: str
    device: str
    batch: int

    def run(self, x: FloatArray) -> tuple[FloatArray, ...]:
        """All outputs of the network.

        Args:
            x: float32 ``(n, channels, *spatial)``.

        Returns:
            float32 ``(n, channels, *spatial)`` each, in the network's order.

        Raises:
            ModelError: the network does not take an input of this shape.
        """
        ...

    def __call__(self, x: FloatArray) -> FloatArray:
        """The first output; see :meth:`run`."""
        return self.run(x)[0]


def load_engine(
    model: Model,
    stage: Stage,
    prefer: EngineName = "auto",
    threads: int | None = None,
    precision: Precision = "f32",
) -> Engine:
    """Make an engine for one network of a model.

    ``auto`` takes the first that is installed of OpenVINO, ONNX Runtime and torch; torch comes
    last because importing it takes seconds, so name it to compute on a GPU.

    Args:
        model: A model folder that was read.
        stage: Which of its networks.
        prefer: Which engine.
        threads: CPU threads; ``None`` leaves it to the engine.
        precision: ``bf16`` is about twice as fast where the processor knows it, and less exact.

    Raises:
        ModelError: the model lacks this network, or the file this engine needs.
        MissingDependencyError: the engine is not installed.
    """
    if prefer != "auto":
        return _make(prefer, model, stage, threads, precision)
    reasons = []
    for name in _HOMES:
        try:
            return _make(name, model, stage, threads, precision)
        except (MissingDependencyError, _UnsuitableError) as error:
            logger.debug("%s passed over: %s", name, error)
            reasons.append(str(error))
    raise MissingDependencyError(f"{model.folder}: no engine can run it: " + "; ".join(reasons))


class _UnsuitableError(ModelError):
    """An engine that cannot run this model, though another may."""


def _make(name: str, model: Model, stage: Stage, threads: int | None, precision: Precision) -> Engine:
    """One engine by its name."""
    path = model.weights_path(stage) if name == "torch" else model.onnx_path(stage)
    if path is None:
        raise _UnsuitableError(
            f"{model.folder}: has no {stage}.onnx, which {name} needs; use --engine torch, or export it"
        )
    if name == "onnxruntime" and precision != "f32":
        raise _UnsuitableError("onnxruntime computes in f32 only; choose openvino or torch for bf16")
    module, _, attribute = _HOMES[name].partition(":")
    kind = getattr(import_module(module), attribute)
    description = {"architecture": model.stage(stage).architecture} if name == "torch" else {}
    engine: Engine = kind(path, threads=threads, precision=precision, **description)
    logger.info("%s runs on %s (%s, %s)", path, engine.name, engine.device, engine.precision)
    return engine
