// The adapter to NiiVue: the only file that knows it. Two canvases, one for all slices and one for the surfaces,
// because surfaces alone turn quickly even where the slices are large. Coordinates are RAS+ mm outside.
// Screen positions are CSS pixels from the corner of a cell, the element in which a plane is shown.

import { NVImage, NVMesh, Niivue, SLICE_TYPE } from "../vendor/niivue/index.js";
import { VERTEBRAE, labelTable } from "../anatomy.js";
import { freeMasks, takeOverFraming } from "./overrides.js";
import { MOST_WITHOUT_CARD, drawsBySoftware, reduced } from "./reduce.js";
import { Framing, PLANES, Tile } from "./slices.js";
import { surfaces } from "./surface.js";

const SLICE = { axial: SLICE_TYPE.AXIAL, coronal: SLICE_TYPE.CORONAL, sagittal: SLICE_TYPE.SAGITTAL };
const PLANE_OF = Object.fromEntries(Object.entries(SLICE).map(([plane, slice]) => [slice, plane]));

/** Our pages speak for themselves: no keys, drops, texts or messages of NiiVue's own. */
const QUIET = {
  interactive: false,
  dragAndDropEnabled: false,
  isOrientationTextVisible: false,
  loadingText: "",
  logLevel: "error",
  backColor: [0, 0, 0, 1],
};

/** Events: `moved` (the crosshair), `drawn-slices`, `drawn-surfaces`. */
export class Viewer extends EventTarget {
  draws = true;

  /**
   * @param {HTMLCanvasElement} slices lies behind the cells of the planes
   * @param {HTMLCanvasElement} surfaces
   * @param {Object<string, HTMLElement>} cells element of each plane
   */
  static async create(slices, surfaces, cells) {
    const viewer = new Viewer();
    viewer.cells = cells;
    viewer.framing = new Framing();
    viewer.slices = new Niivue({
      ...QUIET,
      isRadiologicalConvention: true,
      sagittalNoseLeft: true,
      isSliceMM: true,
      crosshairColor: [1, 0.82, 0.25, 0.55],
      crosshairWidth: 0.6,
      crosshairWidthUnit: "mm",
      crosshairGap: 6,
    });
    viewer.surfaces = new Niivue({
      ...QUIET,
      show3Dcrosshair: false,
      isOrientCube: false,
      sliceType: SLICE_TYPE.RENDER,
    });
    await viewer.slices.attachToCanvas(slices, false);
    await viewer.surfaces.attachToCanvas(surfaces, true);
    viewer.most = drawsBySoftware(viewer.slices.gl) ? MOST_WITHOUT_CARD : Infinity;
    viewer.fit();
    takeOverFraming(viewer.slices, viewer.framing, (slice) => [PLANE_OF[slice], cells[PLANE_OF[slice]]]);
    freeMasks(viewer.slices);
    viewer.#announceDrawing();
    return viewer;
  }

  /**
   * Show a scan and its label map, which lies on its grid. Surfaces are made from the map.
   * @param {ArrayBuffer} scan .nii or .nii.gz
   * @param {ArrayBuffer} mask the same
   * @param {{low: number, high: number, opacity: number}} look window in HU, opacity of the mask 0-1
   * @param {AbortSignal} signal
   */
  async load(scan, mask, { low, high, opacity }, signal) {
    const grey = { cal_min: low, cal_max: high, colormap: "gray" };
    const volumes = [await imageIn(scan, this.most, grey), await imageIn(mask, this.most, { opacity })];
    signal.throwIfAborted();
    this.#show(volumes);
    this.framing.reset();
    this.slices.updateGLVolume();
    this.layout();
    this.slices.scene.crosshairPos = [0.5, 0.5, 0.5]; // not where it was in another scan
    this.dispatchEvent(new Event("moved"));
  }

  /** Another label map of the same scan. */
  async setMask(file, opacity, signal) {
    const mask = await imageIn(file, this.most, { opacity });
    signal.throwIfAborted();
    this.#show([this.slices.volumes[0], mask]);
    this.#refresh(1);
  }

  clear() {
    this.#show([]);
    this.slices.drawScene();
  }

  get isLoaded() {
    return this.slices.volumes.length > 0;
  }

  /** Crosshair, mm. */
  get position() {
    return [...this.slices.frac2mm(this.slices.scene.crosshairPos, 0, true)].slice(0, 3);
  }

  /** Put the crosshair at a point, mm; it stays inside the scan. */
  jumpTo(mm) {
    if (!this.isLoaded) return;
    const fraction = this.slices.mm2frac(mm, 0, true);
    this.slices.scene.crosshairPos = fraction.map((part) => Math.min(Math.max(part, 0), 1));
    this.#redraw(this.slices);
    this.dispatchEvent(new Event("moved"));
  }

  /** Move the crosshair through a plane by slices. */
  step(plane, slices) {
    const axis = PLANES[plane].through;
    const mm = this.position;
    mm[axis] += slices * this.slices.volumes[0].pixDimsRAS[axis + 1];
    this.jumpTo(mm);
  }

  /** VerSe number of the mask at a point, mm; 0 outside. */
  labelAt(mm) {
    if (!this.isLoaded) return 0;
    const mask = this.slices.volumes[1];
    const voxel = mask.mm2vox(mm);
    const isInside = [0, 1, 2].every((axis) => voxel[axis] >= 0 && voxel[axis] < mask.dimsRAS[axis + 1]);
    return isInside ? mask.getValue(...voxel) : 0;
  }

  setOpacity(opacity) {
    if (!this.isLoaded) return;
    this.slices.volumes[1].opacity = opacity;
    this.#refresh(1);
  }

  /** Grey values shown from black to white, HU. */
  setWindow({ low, high }) {
    if (!this.isLoaded) return;
    Object.assign(this.slices.volumes[0], { cal_min: low, cal_max: high });
    this.#refresh(0);
  }

  /** Say that cells have moved, or are hidden. */
  layout() {
    const canvas = this.slices.canvas.getBoundingClientRect();
    const shown = Object.entries(this.cells).filter(
      ([plane, cell]) => SLICE[plane] !== undefined && cell.offsetWidth > 8,
    );
    if (!canvas.width || !this.isLoaded) return;
    this.slices.setCustomLayout(
      shown.map(([plane, cell]) => {
        const box = cell.getBoundingClientRect();
        return {
          sliceType: SLICE[plane],
          position: [
            (box.left - canvas.left) / canvas.width,
            (box.top - canvas.top) / canvas.height,
            box.width / canvas.width,
            box.height / canvas.height,
          ],
        };
      }),
    );
    this.#redraw(this.surfaces);
  }

  /** mm to pixels in the cell of a plane; `off` is the distance from the slice shown, mm. Null when not shown. */
  project(plane, mm) {
    const tile = this.#tile(plane);
    return tile && { ...tile.toPixels(mm), off: mm[tile.through] - this.position[tile.through] };
  }

  /** Pixels in the cell of a plane to mm, on the slice shown. */
  unproject(plane, x, y) {
    return this.#tile(plane).toWorld(x, y, this.position);
  }

  /** Drag what a plane shows by pixels. */
  pan(plane, dx, dy) {
    this.framing.pan(this.#tile(plane), dx, dy);
    this.#redraw(this.slices);
  }

  /** Zoom a plane around a point, taken along by pixels, or around the crosshair when none is given. */
  zoom(plane, factor, x, y, dx, dy) {
    const mm = x === undefined ? this.position : this.unproject(plane, x, y);
    this.framing.zoom(this.#tile(plane), factor, mm, dx, dy);
    this.#redraw(this.slices);
  }

  /** Let every plane show a box, {low, high} in mm, or the whole scan; and the spine from in front, a little from the left. */
  fit(box = null) {
    this.framing.reset(box);
    this.closeness = 1;
    Object.assign(this.surfaces.scene, { renderAzimuth: 205, renderElevation: 8 });
    this.#redraw(this.slices);
    this.#redraw(this.surfaces);
  }

  rotate(dx, dy) {
    const { renderAzimuth, renderElevation } = this.surfaces.scene;
    this.surfaces.scene.renderAzimuth = renderAzimuth - dx * 0.5;
    this.surfaces.scene.renderElevation = Math.min(Math.max(renderElevation + dy * 0.5, -90), 90);
    this.#redraw(this.surfaces);
  }

  zoomSurfaces(factor) {
    this.closeness = Math.min(Math.max(this.closeness * factor, 0.5), 6);
    this.#redraw(this.surfaces);
  }

  /** mm to pixels in the 3D cell; null without surfaces. */
  projectSurface(mm) {
    const nv = this.surfaces;
    if (!nv.meshes.length) return null;
    const [mvp] = nv.calculateMvpMatrix(null, [0, 0, 0, 0], nv.scene.renderAzimuth, nv.scene.renderElevation);
    const [x, y] = [0, 1].map((row) => mvp[row] * mm[0] + mvp[row + 4] * mm[1] + mvp[row + 8] * mm[2] + mvp[row + 12]);
    const { clientWidth, clientHeight } = nv.canvas;
    return { x: ((x + 1) / 2) * clientWidth, y: ((1 - y) / 2) * clientHeight };
  }

  #tile(plane) {
    const drawn = this.slices.screenSlices.find((tile) => tile.axCorSag === SLICE[plane]);
    return drawn ? new Tile(plane, this.cells[plane], drawn.leftTopMM, drawn.fovMM) : null;
  }

  #announceDrawing() {
    const { slices, surfaces } = this;
    const [drawSlices, drawSurfaces] = [slices.drawScene.bind(slices), surfaces.drawScene.bind(surfaces)];
    slices.drawScene = () => {
      drawSlices();
      this.dispatchEvent(new Event("drawn-slices"));
    };
    surfaces.drawScene = () => {
      // NiiVue fits 0.8 of the largest radius into the shorter side; a spine is as long as its largest radius.
      const { width, height } = surfaces.canvas;
      surfaces.scene.volScaleMultiplier = this.closeness * Math.max(0.76, (0.76 * height) / (width || 1));
      drawSurfaces();
      this.dispatchEvent(new Event("drawn-surfaces"));
    };
  }

  /** At most once per frame. */
  #redraw(nv) {
    if (nv.waiting) return;
    nv.waiting = requestAnimationFrame(() => {
      nv.waiting = 0;
      nv.drawScene();
    });
  }

  /** NiiVue's own way of adding would send and draw everything again for each part. */
  #show(volumes) {
    const [nv, space] = [this.slices, this.surfaces];
    volumes[1]?.setColormapLabel(labelTable());
    Object.assign(nv, { volumes, back: volumes[0] ?? null, overlays: volumes.slice(1) });
    for (const mesh of space.meshes) mesh.unloadMesh(space.gl);
    space.meshes = volumes.length ? this.#meshes(volumes[1]) : [];
    space.updateGLVolume();
  }

  #meshes({ img, hdr }) {
    const found = surfaces(img, hdr.dims.slice(1, 4), hdr.affine);
    return VERTEBRAE.filter(([, label]) => found.get(label)?.triangles.length).map(([name, label, ...rgb]) => {
      const { points, triangles } = found.get(label);
      return new NVMesh(points, triangles, name, new Uint8Array([...rgb, 255]), 1, true, this.surfaces.gl);
    });
  }

  /** Send one layer to the graphics card again. */
  #refresh(layer) {
    this.slices.refreshLayers(this.slices.volumes[layer], layer);
    this.#redraw(this.slices);
  }
}

/** An image of at most so many voxels. */
async function imageIn(file, most, look) {
  return NVImage.loadFromUrl({ url: await reduced(file, most), name: "image.nii", ...look });
}
