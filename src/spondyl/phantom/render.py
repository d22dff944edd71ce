"""From distances to Hounsfield units: compact and spongy bone, blur, noise, streaks."""

import numpy as np

from spondyl.phantom.canvas import Canvas, Tissue
from spondyl.phantom.shapes import Array
from spondyl.phantom.vertebra import BoneStyle

__all__ = ["render_bones"]


def render_bones(canvas: Canvas, style: BoneStyle, texture: Array) -> None:
    """Turn the collected bone distances into HU and tissues, over the soft tissue.

    Args:
        canvas: Its ``hu`` and ``tissue`` are changed.
        style: Density of compact bone.
        texture: Fine noise of standard deviation 1 on the canvas grid: trabeculae.
    """
    edge = canvas.edge_mm
    index = np.flatnonzero(canvas.distance.ravel() < edge / 2)
    depth = -canvas.distance.ravel()[index]
    shell = canvas.shell.ravel()[index].astype(np.float32) * np.float32(0.1) + np.float32(0.15)
    spongy: Array = canvas.spongy.ravel()[index].astype(np.float32)
    grain = texture.ravel()[index]
    spongy *= 1 + np.float32(0.13) * canvas.roughness.ravel()[index]
    spongy += grain * (10 + np.float32(0.16) * np.maximum(spongy, 0))
    compact = np.float32(style.compact_hu) + 60 * grain
    share = np.exp(-((np.maximum(depth, 0) / shell) ** 2) * np.float32(0.7)).astype(np.float32)
    bone = spongy + (compact - spongy) * share
    alpha = np.clip(0.5 + depth / np.float32(edge), 0, 1)
    hu = canvas.hu.ravel()
    hu[index] += alpha * (bone - hu[index])
    solid = index[depth > 0]
    thick = shell[depth > 0]
    own = canvas.label.ravel()[solid] > 0
    compact_here = depth[depth > 0] < thick
    codes = np.where(
        own,
        np.where(compact_here, Tissue.VERTEBRA_COMPACT, Tissue.VERTEBRA_SPONGY),
        np.where(compact_here, Tissue.BONE_COMPACT, Tissue.BONE_SPONGY),
    )
    canvas.tissue.ravel()[solid] = codes.astype(np.uint8)
