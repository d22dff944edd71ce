// In place of the viewer where a browser cannot draw (no WebGL 2): the same functions, no pictures. Names, numbering,
// the strip along the spine, corrections and exports need none.

export class NoViewer extends EventTarget {
  draws = false;
  isLoaded = false;
  /** Crosshair, mm: where the person went last. */
  position = [0, 0, 0];

  jumpTo(mm) {
    this.position = [...mm];
    this.dispatchEvent(new Event("moved"));
  }

  load() {}
  setMask() {}
  clear() {}
  layout() {}
  fit() {}
  setOpacity() {}
  setWindow() {}
  rotate() {}
  zoomSurfaces() {}
  project = () => null;
  projectSurface = () => null;
}
