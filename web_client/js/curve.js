/** What a channel's changes do to a coefficient: as face3d_live/mapping/apply.py does, drawn as a curve with a live dot. */

/**
 * @typedef {{gain?: number, offset?: number, curve?: number, dead_zone?: number, min?: number, max?: number}} Changes
 */

/** @param {number} value @param {number} low @param {number} high */
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** @param {number} x 0..1 @param {Changes} changes @returns {number} 0..1, what is sent */
export function mapped(x, { gain = 1, offset = 0, curve = 1, dead_zone: dead = 0, min = 0, max = 1 }) {
  const beyond = Math.max(x - dead, 0) / (1 - dead);
  return clamp(clamp(gain * beyond + offset, 0, 1) ** curve, clamp(min, 0, 1), clamp(max, 0, 1));
}

const SIZE = 100, STEPS = 50;

/** @param {string} tag @param {Record<string, string>} attributes */
function shape(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export class Curve {
  #line = shape("polyline", { class: "line" });
  #dot = shape("circle", { r: "4", class: "dot" });
  element = shape("svg", { viewBox: `-4 -4 ${SIZE + 8} ${SIZE + 8}`, class: "curve", "aria-hidden": "true" });

  constructor() {
    const frame = shape("rect", { width: String(SIZE), height: String(SIZE) });
    const plain = shape("line", { x1: "0", y1: String(SIZE), x2: String(SIZE), y2: "0" });
    this.element.append(frame, plain, this.#line, this.#dot);
  }

  /** @param {Changes} changes */
  draw(changes) {
    const points = Array.from({ length: STEPS + 1 }, (_, i) => `${(SIZE * i) / STEPS},${(SIZE * (1 - mapped(i / STEPS, changes))).toFixed(2)}`);
    this.#line.setAttribute("points", points.join(" "));
  }

  /** Where the face is now. @param {number} x @param {number} y 0..1 */
  point(x, y) {
    this.#dot.setAttribute("cx", (SIZE * clamp(x, 0, 1)).toFixed(1));
    this.#dot.setAttribute("cy", (SIZE * (1 - clamp(y, 0, 1))).toFixed(1));
  }
}
