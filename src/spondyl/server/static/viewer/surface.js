// Surfaces of the vertebrae from the label map, for the 3D view: surface nets (Gibson 1998) on a coarse lattice.

/** Distance of lattice points, mm; a vertebra then has some thousand triangles. */
const LATTICE_MM = 1.8;

/**
 * @param {ArrayLike<number>} mask VerSe numbers, first axis fastest
 * @param {number[]} shape voxels along each axis
 * @param {number[][]} affine rows; voxel indices to RAS+ mm
 * @returns {Map<number, {points: Float32Array, triangles: Uint32Array}>} by label; points in RAS+ mm
 */
export function surfaces(mask, shape, affine) {
  const step = [0, 1, 2].map((axis) => {
    const spacing = Math.hypot(affine[0][axis], affine[1][axis], affine[2][axis]);
    return Math.max(1, Math.round(LATTICE_MM / spacing));
  });
  const { lattice, size, boxes } = thinned(mask, shape, step);
  const found = new Map();
  for (const [label, box] of boxes) {
    const field = smoothed(lattice, size, label, box);
    found.set(label, toWorld(net(field), box.low, step, affine));
  }
  return found;
}

/** Every `step`-th voxel, and the box around each label. */
function thinned(mask, shape, step) {
  const size = shape.map((n, axis) => Math.ceil(n / step[axis]));
  const lattice = new Uint8Array(size[0] * size[1] * size[2]);
  const boxes = new Map();
  let at = 0;
  for (let k = 0; k < size[2]; k++) {
    for (let j = 0; j < size[1]; j++) {
      let from = (k * step[2] * shape[1] + j * step[1]) * shape[0];
      for (let i = 0; i < size[0]; i++, at++, from += step[0]) {
        const label = mask[from];
        if (label) {
          lattice[at] = label;
          widen(boxes, label, [i, j, k]);
        }
      }
    }
  }
  return { lattice, size, boxes };
}

function widen(boxes, label, point) {
  const box = boxes.get(label);
  if (!box) {
    boxes.set(label, { low: [...point], high: [...point] });
    return;
  }
  for (let axis = 0; axis < 3; axis++) {
    if (point[axis] < box.low[axis]) box.low[axis] = point[axis];
    if (point[axis] > box.high[axis]) box.high[axis] = point[axis];
  }
}

/** One label as 0..1 with a margin of two, blurred by 1-2-1 along each axis; moves `box.low` by the margin. */
function smoothed(lattice, size, label, box) {
  const margin = 2;
  const low = box.low.map((n) => n - margin);
  const shape = box.high.map((n, axis) => n - low[axis] + 1 + margin);
  let field = new Float32Array(shape[0] * shape[1] * shape[2]);
  for (let k = box.low[2]; k <= box.high[2]; k++) {
    for (let j = box.low[1]; j <= box.high[1]; j++) {
      const from = (k * size[1] + j) * size[0];
      const to = ((k - low[2]) * shape[1] + j - low[1]) * shape[0] - low[0];
      for (let i = box.low[0]; i <= box.high[0]; i++) if (lattice[from + i] === label) field[to + i] = 1;
    }
  }
  for (const stride of [1, shape[0], shape[0] * shape[1]]) {
    const blurred = new Float32Array(field.length);
    for (let at = stride; at < field.length - stride; at++) {
      blurred[at] = 0.25 * field[at - stride] + 0.5 * field[at] + 0.25 * field[at + stride];
    }
    field = blurred;
  }
  box.low = low;
  return { field, shape };
}

const CORNERS = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => [n & 1, (n >> 1) & 1, (n >> 2) & 1]);
const EDGES = CORNERS.flatMap((corner, a) => [1, 2, 4].filter((bit) => !(a & bit)).map((bit) => [a, a | bit]));

/** One point in every cell the surface passes, four triangles' worth of neighbours around every edge it cuts. */
function net({ field, shape }) {
  const points = [];
  const triangles = [];
  const index = new Int32Array(field.length).fill(-1);
  const stride = [1, shape[0], shape[0] * shape[1]];
  const offsets = CORNERS.map((corner) => corner[0] + corner[1] * stride[1] + corner[2] * stride[2]);
  for (let k = 0; k < shape[2] - 1; k++) {
    for (let j = 0; j < shape[1] - 1; j++) {
      for (let i = 0; i < shape[0] - 1; i++) {
        const at = i + j * stride[1] + k * stride[2];
        const point = crossing(field, at, offsets);
        if (!point) continue;
        index[at] = points.length / 3;
        points.push(i + point[0], j + point[1], k + point[2]);
        if (i && j && k) quads(field, at, stride, index, triangles);
      }
    }
  }
  return { points, triangles };
}

/** Mean of where the surface cuts the edges of a cell, or nothing. */
function crossing(field, at, offsets) {
  let inside = 0;
  for (const offset of offsets) if (field[at + offset] > 0.5) inside++;
  if (inside === 0 || inside === 8) return null;
  const sum = [0, 0, 0];
  let cuts = 0;
  for (const [a, b] of EDGES) {
    const from = field[at + offsets[a]];
    const to = field[at + offsets[b]];
    if (from > 0.5 === to > 0.5) continue;
    const part = (0.5 - from) / (to - from);
    for (let axis = 0; axis < 3; axis++) sum[axis] += CORNERS[a][axis] + part * (CORNERS[b][axis] - CORNERS[a][axis]);
    cuts++;
  }
  return sum.map((value) => value / cuts);
}

/** The two triangles across each of the three edges that leave the first corner of a cell. */
function quads(field, at, stride, index, triangles) {
  const inside = field[at] > 0.5;
  for (let axis = 0; axis < 3; axis++) {
    if (inside === field[at + stride[axis]] > 0.5) continue;
    const [u, v] = [stride[(axis + 1) % 3], stride[(axis + 2) % 3]];
    const [a, b, c, d] = [index[at], index[at - u], index[at - u - v], index[at - v]];
    if (inside) triangles.push(a, b, c, a, c, d);
    else triangles.push(a, c, b, a, d, c);
  }
}

/** Lattice to RAS+ mm; triangles keep their outside outside when the axes are mirrored. */
function toWorld({ points, triangles }, low, step, affine) {
  const world = new Float32Array(points.length);
  for (let at = 0; at < points.length; at += 3) {
    const voxel = [0, 1, 2].map((axis) => (points[at + axis] + low[axis]) * step[axis]);
    for (let row = 0; row < 3; row++) {
      const [a, b, c, d] = affine[row];
      world[at + row] = a * voxel[0] + b * voxel[1] + c * voxel[2] + d;
    }
  }
  const out = Uint32Array.from(triangles);
  if (determinant(affine) < 0)
    for (let at = 0; at < out.length; at += 3) [out[at], out[at + 1]] = [out[at + 1], out[at]];
  return { points: world, triangles: out };
}

function determinant([[a, b, c], [d, e, f], [g, h, i]]) {
  return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
}
