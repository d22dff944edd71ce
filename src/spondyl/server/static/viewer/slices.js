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

/** Limits of the zoom. */
const [LEAST, MOST] = [0.2, 20];

/** What each plane shows: a centre in mm (null: that of what is to fit) and a zoom (1: it fits). */
export class Framing {
  constructor() {
    this.reset();
  }

  /** @param {{low: number[], high: number[]}|null} box what to fit, mm; null: the scan */
  reset(box = null) {
    this.box = box;
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
    if (this.box) {
      const { across, up } = PLANES[plane];
      low = [this.box.low[across], this.box.low[up]];
      high = [this.box.high[across], this.box.high[up]];
    }
    const size = [high[0] - low[0], high[1] - low[1]];
    const width = Math.max(size[0], size[1] * aspect) / zoom;
    const height = width / aspect;
    const middle = centre ?? [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
    return {
      low: [middle[0] - width / 2, middle[1] - height / 2],
      high: [middle[0] + width / 2, middle[1] + height / 2],
    };
  }

  /** Drag what a tile shows by pixels. */
  pan(tile, dx, dy) {
    const { middle, perPixel } = tile;
    this.of[tile.plane].centre = [middle[0] - dx * perPixel[0], middle[1] + dy * perPixel[1]];
  }

  /** Zoom what a tile shows by a factor, and keep a point (mm) where it is on the screen, or take it along by pixels. */
  zoom(tile, factor, mm, dx = 0, dy = 0) {
    const view = this.of[tile.plane];
    const zoom = Math.min(Math.max(view.zoom * factor, LEAST), MOST);
    const ratio = view.zoom / zoom;
    const fixed = [mm[tile.across], mm[tile.up]];
    view.zoom = zoom;
    const [right, down] = tile.perPixel;
    const taken = [dx * right, -dy * down];
    view.centre = fixed.map((at, axis) => at + (tile.middle[axis] - at - taken[axis]) * ratio);
  }
}

/** A plane as it is drawn now: between pixels in its cell, from the upper left, and mm. */
export class Tile {
  /** @param {string} plane @param {HTMLElement} cell @param {number[]} low corner at the lower left, mm @param {number[]} size mm */
  constructor(plane, cell, low, size) {
    Object.assign(this, PLANES[plane], { plane, cell, low, size });
  }

  /** mm; negative across where the axis grows to the left of the screen. */
  get perPixel() {
    return [this.size[0] / this.cell.clientWidth, this.size[1] / this.cell.clientHeight];
  }

  get middle() {
    return [this.low[0] + this.size[0] / 2, this.low[1] + this.size[1] / 2];
  }

  toPixels(mm) {
    const [width, height] = this.perPixel;
    return {
      x: (mm[this.across] - this.low[0]) / width,
      y: this.cell.clientHeight - (mm[this.up] - this.low[1]) / height,
    };
  }

  /** @param {number[]} mm a point of the slice shown */
  toWorld(x, y, mm) {
    const [width, height] = this.perPixel;
    const world = [...mm];
    world[this.across] = this.low[0] + x * width;
    world[this.up] = this.low[1] + (this.cell.clientHeight - y) * height;
    return world;
  }
}
