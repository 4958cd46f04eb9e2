/** Whether a face is blurred: the variance of its Laplacian over that of its luma, as for the camera's pictures. */

/** Of good pictures 1 % have less than 0.12 (face3d_live/live/sessions/picture_quality.py). */
const BLURRED = 0.05;
const SIDE = 64;

/** @param {ArrayLike<number>} luma of SIDE x SIDE pixels, row by row @returns {number} */
export function sharpness(luma, side = SIDE) {
  /** @type {number[]} */
  const edges = [], values = [];
  const at = (/** @type {number} */ x, /** @type {number} */ y) => luma[y * side + x] ?? 0;
  for (let y = 1; y < side - 1; y++) {
    for (let x = 1; x < side - 1; x++) {
      values.push(at(x, y));
      edges.push(at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1) - 4 * at(x, y));
    }
  }
  return variance(edges) / Math.max(variance(values), 1e-6);
}

/** @param {number[]} values */
function variance(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
}

/** @param {HTMLCanvasElement} canvas that shows a face @returns {boolean} */
export function isBlurred(canvas) {
  const small = new OffscreenCanvas(SIDE, SIDE), context = small.getContext("2d");
  if (!context || !canvas.width) return false;
  // The middle: the face itself, not what is behind it.
  context.drawImage(canvas, canvas.width / 4, canvas.height / 4, canvas.width / 2, canvas.height / 2, 0, 0, SIDE, SIDE);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const luma = Float32Array.from({ length: SIDE * SIDE }, (_, i) => 0.299 * (data[4 * i] ?? 0) + 0.587 * (data[4 * i + 1] ?? 0) + 0.114 * (data[4 * i + 2] ?? 0));
  return sharpness(luma) < BLURRED;
}
