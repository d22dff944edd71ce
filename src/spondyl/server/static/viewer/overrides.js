// What NiiVue is made to do otherwise: methods of its own that are replaced in one object. For the adapter alone.

/**
 * NiiVue keeps one pan and zoom for all planes and clips to the picture; ours fills each cell, each for itself.
 * @param {Niivue} nv
 * @param {Framing} framing
 * @param {function(number): [string, HTMLElement]} shownAs plane and cell of a slice type
 */
export function takeOverFraming(nv, framing, shownAs) {
  const whole = nv.screenFieldOfViewExtendedMM.bind(nv);
  nv.calculateWidthHeight = (_slice, _scale, width, height) => [width, height];
  nv.screenFieldOfViewExtendedMM = (slice) => {
    const view = whole(slice);
    const [plane, cell] = shownAs(slice);
    const { low, high } = framing.bounds(plane, view.mnMM, view.mxMM, cell.clientWidth / cell.clientHeight);
    for (const axis of [0, 1]) {
      view.mnMM[axis] = low[axis];
      view.mxMM[axis] = high[axis];
      view.fovMM[axis] = high[axis] - low[axis];
    }
    return view;
  };
}

/** NiiVue forgets the picture of the mask that a new one replaces: four bytes for every voxel of the scan, each time. */
export function freeMasks(nv) {
  const refresh = nv.refreshLayers.bind(nv);
  nv.refreshLayers = (volume, layer) => {
    if (layer === 1) nv.gl.deleteTexture(nv.overlayTexture);
    refresh(volume, layer);
  };
}
