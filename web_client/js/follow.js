/** A click on a person in the own camera's picture: that one is followed. */

/**
 * @param {{left: number, top: number, width: number, height: number}} box where the picture is shown, covered by it
 * @param {{videoWidth: number, videoHeight: number}} video
 * @param {{clientX: number, clientY: number}} click @param {boolean} mirrored
 * @returns {[x: number, y: number]} fractions of the camera's picture, from its left and its top
 */
export function placeOf(box, { videoWidth, videoHeight }, { clientX, clientY }, mirrored) {
  const scale = Math.max(box.width / videoWidth, box.height / videoHeight);
  const x = 0.5 + (clientX - box.left - box.width / 2) / (scale * videoWidth);
  const y = 0.5 + (clientY - box.top - box.height / 2) / (scale * videoHeight);
  return [mirrored ? 1 - x : x, y];
}
