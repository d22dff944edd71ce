"""ONNX Runtime: for processors on which OpenVINO does not exist."""

from pathlib import Path

from spondyl.errors import MissingDependencyError, ModelError
from spondyl.inference.engines import Engine, FloatArray, Precision

__all__ = ["OnnxRuntimeEngine"]


class OnnxRuntimeEngine(Engine):
    """A network in ONNX Runtime on the CPU, in float32.

    Args:
        path: The ONNX file.
        threads: CPU threads; ``None`` takes all cores.
        precision: Only ``"f32"``.

    Raises:
        MissingDependencyError: ONNX Runtime is not installed.
        ModelError: the file cannot be used.
    """

    def __init__(self, path: Path, *, threads: int | None = None, precision: Precision = "f32") -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingDependencyError(
                "onnxruntime is not installed; pip install 'spondyl[onnx]'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        # A free spatial axis makes every shape a new memory plan; kept, they would pile up.
        options.enable_mem_pattern = False
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its errors share no base class
            raise ModelError(f"{path}: ONNX Runtime cannot use this network: {error}") from error
        self._input = self._session.get_inputs()[0].name
        self._path = path
        self.name = "onnxruntime"
        self.precision = precision
        self.device = "cpu"
        self.batch = 1

    def run(self, x: FloatArray) -> tuple[FloatArray, ...]:
        """See :meth:`spondyl.inference.engines.Engine.run`."""
        try:
            return tuple(self._session.run(None, {self._input: x}))
        except Exception as error:  # its errors share no base class
            raise ModelError(f"{self._path}: does not take an input of shape {x.shape}: {error}") from error
