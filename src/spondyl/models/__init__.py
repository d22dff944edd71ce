"""Trained models: a folder of ``model.json``, ``*.safetensors`` and ``*.onnx``. No torch.

The default model lives in ``default/`` beside this file.
"""

from spondyl.models.folder import (
    Model,
    check_model_place,
    combine,
    default_model_folder,
    read_model,
    write_model,
)
from spondyl.models.info import SCHEMA_VERSION, ModelInfo, Stage, StageInfo

__all__ = [
    "SCHEMA_VERSION",
    "Model",
    "ModelInfo",
    "Stage",
    "StageInfo",
    "check_model_place",
    "combine",
    "default_model_folder",
    "read_model",
    "write_model",
]
