// The adapter to NiiVue: the only file that knows it. Two canvases, one for all slices and one for the surfaces,
// because surfaces alone turn quickly even where the slices are large. Coordinates are RAS+ mm outside.
// Screen positions are CSS pixels from the corner of a cell, the element in which a plane is shown.

import { NVImage, NVMesh, Niivue, SLICE_TYPE } from "../vendor/niivue/index.js";
import { VERTEBRAE, labelTable } from "../anatomy.js";
import { Framing, PLANES } from "./slices.js";
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
    viewer.fit();
    viewer.#takeOverFraming();
    viewer.#announceDrawing();
    return viewer;
  }

  /** @param {ArrayBuffer} file .nii or .nii.gz; @param {{low: number, high: number}} hu window */
  async loadScan(file, { low, high }) {
    this.clear();
    const scan = await NVImage.loadFromUrl({
      url: file,
      name: nameFor(file),
      cal_min: low,
      cal_max: high,
      colormap: "gray",
    });
    this.framing.reset();
    this.slices.addVolume(scan);
    this.layout();
  }

  /** Replace the label map, on the grid of the scan; surfaces are made anew. @param {ArrayBuffer} file */
  async setMask(file, opacity) {
    const nv = this.slices;
    const mask = await NVImage.loadFromUrl({ url: file, name: nameFor(file), opacity });
    mask.setColormapLabel(labelTable());
    if (nv.volumes.length > 1) nv.volumes.splice(1, 1);
    nv.addVolume(mask);
    this.#showSurfaces(surfaces(mask.img, mask.hdr.dims.slice(1, 4), mask.hdr.affine));
  }

  clear() {
    for (const mesh of [...this.surfaces.meshes]) this.surfaces.removeMesh(mesh);
    while (this.slices.volumes.length) this.slices.removeVolumeByIndex(this.slices.volumes.length - 1);
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
    const mask = this.slices.volumes[1];
    if (!mask) return 0;
    const voxel = mask.mm2vox(mm);
    const isInside = [0, 1, 2].every((axis) => voxel[axis] >= 0 && voxel[axis] < mask.dimsRAS[axis + 1]);
    return isInside ? mask.getValue(...voxel) : 0;
  }

  setOpacity(opacity) {
    if (this.slices.volumes.length > 1) this.slices.setOpacity(1, opacity);
  }

  /** Grey values shown from black to white, HU. */
  setWindow({ low, high }) {
    const scan = this.slices.volumes[0];
    if (!scan) return;
    scan.cal_min = low;
    scan.cal_max = high;
    this.slices.updateGLVolume();
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
    if (!tile) return null;
    const { across, up, through } = PLANES[plane];
    const cell = this.cells[plane];
    return {
      x: ((mm[across] - tile.leftTopMM[0]) / tile.fovMM[0]) * cell.clientWidth,
      y: (1 - (mm[up] - tile.leftTopMM[1]) / tile.fovMM[1]) * cell.clientHeight,
      off: mm[through] - this.position[through],
    };
  }

  /** Pixels in the cell of a plane to mm, on the slice shown. */
  unproject(plane, x, y) {
    const tile = this.#tile(plane);
    const { across, up } = PLANES[plane];
    const cell = this.cells[plane];
    const mm = this.position;
    mm[across] = tile.leftTopMM[0] + (x / cell.clientWidth) * tile.fovMM[0];
    mm[up] = tile.leftTopMM[1] + (1 - y / cell.clientHeight) * tile.fovMM[1];
    return mm;
  }

  /** Drag what a plane shows by pixels. */
  pan(plane, dx, dy) {
    const tile = this.#tile(plane);
    const cell = this.cells[plane];
    const by = [(dx / cell.clientWidth) * tile.fovMM[0], (-dy / cell.clientHeight) * tile.fovMM[1]];
    this.framing.pan(plane, middleOf(tile), by);
    this.#redraw(this.slices);
  }

  /** Zoom one plane, or all around the crosshair when no pixels are given. */
  zoom(plane, factor, x, y) {
    const tile = this.#tile(plane);
    if (!tile) return;
    const { across, up } = PLANES[plane];
    const mm = x === undefined ? this.position : this.unproject(plane, x, y);
    this.framing.zoom(plane, middleOf(tile), factor, [mm[across], mm[up]]);
    this.#redraw(this.slices);
  }

  /** Show the whole scan again, and the spine from in front and a little from the left. */
  fit() {
    this.framing.reset();
    Object.assign(this.surfaces.scene, { volScaleMultiplier: 1.2, renderAzimuth: 205, renderElevation: 8 });
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
    const { scene } = this.surfaces;
    scene.volScaleMultiplier = Math.min(Math.max(scene.volScaleMultiplier * factor, 0.5), 6);
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
    return this.slices.screenSlices.find((tile) => tile.axCorSag === SLICE[plane]);
  }

  /** NiiVue keeps one pan and zoom for all planes and clips to the picture; ours fills each cell, each for itself. */
  #takeOverFraming() {
    const nv = this.slices;
    const whole = nv.screenFieldOfViewExtendedMM.bind(nv);
    nv.calculateWidthHeight = (_slice, _scale, width, height) => [width, height];
    nv.screenFieldOfViewExtendedMM = (slice) => {
      const view = whole(slice);
      const cell = this.cells[PLANE_OF[slice]];
      const { low, high } = this.framing.bounds(
        PLANE_OF[slice],
        view.mnMM,
        view.mxMM,
        cell.clientWidth / cell.clientHeight,
      );
      for (const axis of [0, 1]) {
        view.mnMM[axis] = low[axis];
        view.mxMM[axis] = high[axis];
        view.fovMM[axis] = high[axis] - low[axis];
      }
      return view;
    };
  }

  #announceDrawing() {
    for (const [nv, name] of [
      [this.slices, "drawn-slices"],
      [this.surfaces, "drawn-surfaces"],
    ]) {
      const draw = nv.drawScene.bind(nv);
      nv.drawScene = () => {
        draw();
        this.dispatchEvent(new Event(name));
      };
    }
  }

  /** At most once per frame. */
  #redraw(nv) {
    if (nv.waiting) return;
    nv.waiting = requestAnimationFrame(() => {
      nv.waiting = 0;
      nv.drawScene();
    });
  }

  #showSurfaces(found) {
    const nv = this.surfaces;
    for (const mesh of [...nv.meshes]) nv.removeMesh(mesh);
    for (const [name, label, ...rgb] of VERTEBRAE) {
      const surface = found.get(label);
      if (!surface?.triangles.length) continue;
      const colour = new Uint8Array([...rgb, 255]);
      nv.addMesh(new NVMesh(surface.points, surface.triangles, name, colour, 1, true, nv.gl));
    }
    this.#redraw(nv);
  }
}

const middleOf = ({ leftTopMM, fovMM }) => [leftTopMM[0] + fovMM[0] / 2, leftTopMM[1] + fovMM[1] / 2];

/** NiiVue goes by the name; gzip begins with 1f. */
const nameFor = (file) => (new Uint8Array(file, 0, 1)[0] === 0x1f ? "scan.nii.gz" : "scan.nii");
