"""Trained models: a folder of ``model.json``, ``*.safetensors`` and ``*.onnx``. No torch.

The default model lives in ``default/`` beside this file.
"""

from spondyl.models.folder import (
    SCHEMA_VERSION,
    Model,
    ModelInfo,
    Stage,
    StageInfo,
    combine,
    default_model_folder,
    read_model,
    write_model,
)

__all__ = [
    "SCHEMA_VERSION",
    "Model",
    "ModelInfo",
    "Stage",
    "StageInfo",
    "combine",
    "default_model_folder",
    "read_model",
    "write_model",
]
