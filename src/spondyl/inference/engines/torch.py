"""PyTorch: for GPUs, and for models without an ONNX file. The only module here that imports torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spondyl.errors import MissingDependencyError, ModelError
from spondyl.inference.engines import Engine, FloatArray, Precision

__all__ = ["TorchEngine"]


class TorchEngine(Engine):
    """A network in PyTorch, on the GPU when there is one.

    Args:
        path: The safetensors file.
        architecture: ``name`` of the class in :mod:`spondyl.networks` and its arguments.
        threads: CPU threads; ``None`` takes all cores. Holds for the whole process, as torch
            knows no other way.
        precision: ``bf16`` computes convolutions in bfloat16 by autocast.

    Raises:
        MissingDependencyError: torch is not installed.
        ModelError: the architecture is unknown, or the weights do not fit it.
    """

    def __init__(
        self,
        path: Path,
        *,
        architecture: Mapping[str, Any],
        threads: int | None = None,
        precision: Precision = "f32",
    ) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingDependencyError(
                "torch is not installed; pip install 'spondyl[train]', or use openvino or onnxruntime"
            ) from error
        if threads is not None:
            torch.set_num_threads(threads)
        self._torch = torch
        self._path = path
        self.name = "torch"
        self.precision = precision
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.batch = 8 if self.device == "cuda" else 1
        self._network = _build(path, architecture).eval().to(self.device)

    def run(self, x: FloatArray) -> tuple[FloatArray, ...]:
        """See :meth:`spondyl.inference.engines.Engine.run`."""
        torch = self._torch
        # cudnn is held to f32 and to its deterministic kernels, whatever the process chose before.
        exact = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
        low = torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16")
        try:
            with torch.inference_mode(), exact, low:
                outputs = self._network(torch.from_numpy(x).to(self.device))
        except RuntimeError as error:
            raise ModelError(f"{self._path}: does not take an input of shape {x.shape}: {error}") from error
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return tuple(output.float().cpu().numpy() for output in outputs)


def _build(path: Path, architecture: Mapping[str, Any]) -> Any:
    """The network described in ``model.json``, with its weights."""
    from spondyl.networks.build import build_network
    from spondyl.networks.export import load_weights

    try:
        network = build_network(architecture)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    load_weights(network, path)
    return network
