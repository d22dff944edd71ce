// The slice planes: how each lies on the screen. Screen x and y are world axes, seen as radiologists do:
// the patient's right and front on the left, head up.

/**
 * `across`, `up`: world axis (0 = right-left, 1 = back-front, 2 = foot-head) along the screen's width and height;
 * `through`: the axis the plane is perpendicular to; `edges`: letters at left, right, top, bottom.
 */
export const PLANES = {
  sagittal: { across: 1, up: 2, through: 0, edges: "APSI" },
  coronal: { across: 0, up: 2, through: 1, edges: "RLSI" },
  axial: { across: 0, up: 1, through: 2, edges: "RLAP" },
};

/** What each plane shows: a centre in mm (null: that of the scan) and a zoom (1: the whole scan fits). */
export class Framing {
  constructor() {
    this.reset();
  }

  reset() {
    this.of = Object.fromEntries(Object.keys(PLANES).map((plane) => [plane, { centre: null, zoom: 1 }]));
  }

  /**
   * Bounds of a plane so that it fills its cell at square pixels.
   * @param {string} plane
   * @param {number[]} low lowest corner of the scan across and up, mm
   * @param {number[]} high
   * @param {number} aspect width / height of the cell
   * @returns {{low: number[], high: number[]}} mm
   */
  bounds(plane, low, high, aspect) {
    const { centre, zoom } = this.of[plane];
    const size = [high[0] - low[0], high[1] - low[1]];
    const width = Math.max(size[0], size[1] * aspect) / zoom;
    const height = width / aspect;
    const middle = centre ?? [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
    return {
      low: [middle[0] - width / 2, middle[1] - height / 2],
      high: [middle[0] + width / 2, middle[1] + height / 2],
    };
  }

  /** Move what a plane shows: `by` in mm across and up, from the middle `now`. */
  pan(plane, now, by) {
    this.of[plane].centre = [now[0] - by[0], now[1] - by[1]];
  }

  /** Zoom by a factor and keep the point `fixed` (mm) where it is on the screen; `now` is the middle, mm. */
  zoom(plane, now, factor, fixed) {
    const view = this.of[plane];
    const zoom = Math.min(Math.max(view.zoom * factor, 1), 20);
    const ratio = view.zoom / zoom;
    view.zoom = zoom;
    view.centre = zoom === 1 ? null : [0, 1].map((axis) => fixed[axis] + (now[axis] - fixed[axis]) * ratio);
  }
}
