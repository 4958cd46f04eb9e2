/** An avatar alone, with alpha, in a canvas: WebP pictures over a WebSocket, of which the newest is shown. */

import { openSocket } from "./token.js";

/** Draws pictures in the order in which they came, one at a time. */
export class Painter {
  #canvas;
  #context;
  /** @type {Promise<void>} */
  #waiting = Promise.resolve();

  /** @param {HTMLCanvasElement} canvas takes the pictures' size; its dataset counts them */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  }

  /** @param {Blob} picture @param {() => void} drawn called when it is to be seen */
  paint(picture, drawn) {
    const canvas = this.#canvas, context = this.#context;
    this.#waiting = this.#waiting.then(async () => {
      try {
        const bitmap = await createImageBitmap(picture);
        if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
          [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
        }
        context.clearRect(0, 0, canvas.width, canvas.height);
        context.drawImage(bitmap, 0, 0);
        bitmap.close();
        canvas.dataset.pictures = String(Number(canvas.dataset.pictures ?? 0) + 1);
      } catch (error) {
        // A picture that cannot be read: the next one will do.
        if (!(error instanceof DOMException && error.name === "InvalidStateError")) throw error;
      }
      drawn();
    });
  }

  clear() {
    this.#waiting = this.#waiting.then(() => this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height));
  }
}

/**
 * Each picture drawn is acknowledged, and the server sends the next only then: what is shown is always the newest.
 *
 * @param {string} path of a session's view @param {Painter} painter
 * @param {{painted?: () => void, told?: (message: import("./types.js").ViewMessage) => void}} [news]
 * @returns {WebSocket} to be closed, and to hear that it was
 */
export function watch(path, painter, { painted = () => {}, told = () => {} } = {}) {
  const socket = openSocket(path);
  socket.binaryType = "blob";
  socket.onmessage = ({ data }) => {
    if (typeof data === "string") return told(JSON.parse(data));
    painted();
    painter.paint(data, () => socket.readyState === WebSocket.OPEN && socket.send("drawn"));
  };
  return socket;
}
