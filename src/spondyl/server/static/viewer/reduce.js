// Fewer voxels, for browsers that draw without a graphics card: there every voxel costs the processor time.
// Only for files of this server: NIfTI-1, little endian, int16 (grey values) or uint8 (labels).

/** More voxels than this are slow to draw without a graphics card. */
export const MOST_WITHOUT_CARD = 12e6;

/** Places in the header of NIfTI-1. */
const DIM = 40;
const DATATYPE = 70;
const PIXDIM = 76;
const OFFSET = 108;
const QOFFSET = 268;
const SROW = 280;
const UINT8 = 2;

/** Whether this browser draws with the processor. @param {WebGL2RenderingContext} gl */
export function drawsBySoftware(gl) {
  const told = gl.getExtension("WEBGL_debug_renderer_info");
  const name = told ? gl.getParameter(told.UNMASKED_RENDERER_WEBGL) : "";
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

/**
 * The same image with at most so many voxels: grey values become means of blocks, labels keep one of them.
 * @param {ArrayBuffer} file .nii or .nii.gz
 * @param {number} most
 * @returns {Promise<ArrayBuffer>} .nii, or the file itself when it is small enough
 */
export async function reduced(file, most) {
  const whole = new Uint8Array(file, 0, 1)[0] === 0x1f ? await unpacked(file) : file;
  const header = new DataView(whole);
  const shape = [0, 1, 2].map((axis) => header.getInt16(DIM + 2 + 2 * axis, true));
  const step = stepsOf(
    shape,
    [0, 1, 2].map((axis) => header.getFloat32(PIXDIM + 4 + 4 * axis, true)),
    most,
  );
  if (step.every((n) => n === 1)) return whole;
  const size = shape.map((n, axis) => Math.floor(n / step[axis]));
  const start = header.getFloat32(OFFSET, true);
  const isLabels = header.getInt16(DATATYPE, true) === UINT8;
  const Type = isLabels ? Uint8Array : Int16Array;
  const voxels = (isLabels ? picked : averaged)(new Type(whole, start), shape, step, new Type(count(size)));
  const made = new Uint8Array(start + voxels.byteLength);
  made.set(new Uint8Array(whole, 0, start));
  made.set(new Uint8Array(voxels.buffer), start);
  describe(new DataView(made.buffer), size, step);
  return made.buffer;
}

const count = (shape) => shape[0] * shape[1] * shape[2];

const unpacked = (file) =>
  new Response(new Blob([file]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();

/** How many voxels become one along each axis: the finest axes are halved first. */
function stepsOf(shape, spacing, most) {
  const step = [1, 1, 1];
  while (count(shape) / count(step) > most) {
    const now = step.map((n, axis) => n * spacing[axis]);
    step[now.indexOf(Math.min(...now))] *= 2;
  }
  return step;
}

/** Means of blocks. */
function averaged(voxels, shape, step, out) {
  const sums = new Float32Array(out.length);
  const size = shape.map((n, axis) => Math.floor(n / step[axis]));
  for (let k = 0; k < size[2] * step[2]; k++) {
    for (let j = 0; j < size[1] * step[1]; j++) {
      let from = (k * shape[1] + j) * shape[0];
      let to = (Math.floor(k / step[2]) * size[1] + Math.floor(j / step[1])) * size[0];
      for (let i = 0; i < size[0]; i++, to++) for (let n = 0; n < step[0]; n++) sums[to] += voxels[from++];
    }
  }
  const share = 1 / count(step);
  for (let at = 0; at < out.length; at++) out[at] = Math.round(sums[at] * share);
  return out;
}

/** The voxel in the middle of each block, or the one after it. */
function picked(voxels, shape, step, out) {
  const [a, b, c] = step.map((n) => n >> 1);
  const size = shape.map((n, axis) => Math.floor(n / step[axis]));
  let to = 0;
  for (let k = 0; k < size[2]; k++) {
    for (let j = 0; j < size[1]; j++) {
      let from = ((k * step[2] + c) * shape[1] + j * step[1] + b) * shape[0] + a;
      for (let i = 0; i < size[0]; i++, from += step[0]) out[to++] = voxels[from];
    }
  }
  return out;
}

/** Shape, voxel size and place of the blocks: their centres are the centres of the new voxels. */
function describe(header, size, step) {
  for (let axis = 0; axis < 3; axis++) {
    header.setInt16(DIM + 2 + 2 * axis, size[axis], true);
    const pixdim = PIXDIM + 4 + 4 * axis;
    header.setFloat32(pixdim, header.getFloat32(pixdim, true) * step[axis], true);
  }
  for (let row = 0; row < 3; row++) {
    const at = (column) => SROW + 16 * row + 4 * column;
    let place = header.getFloat32(at(3), true);
    for (let axis = 0; axis < 3; axis++) {
      const along = header.getFloat32(at(axis), true);
      place += (along * (step[axis] - 1)) / 2;
      header.setFloat32(at(axis), along * step[axis], true);
    }
    header.setFloat32(at(3), place, true);
    header.setFloat32(QOFFSET + 4 * row, place, true);
  }
}
