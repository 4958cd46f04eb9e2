/**
 * A finished head, drawn by the server: one request is on its way at a time, the newest waits.
 *
 * While the head moves small pictures come, which are quick; once it rests, a large one.
 */
import { socketUrl } from "../api.js";

const REST_MS = 220;
const AGAIN_MS = 1000;
const GONE = 4404;

/** Tells by `first` (a head's first picture is there), `gone` and `trouble` (detail: {code, message}). */
export class HeadView extends EventTarget {
  #canvas;
  #socket = null;
  #id = null;
  #look = {};
  #waiting = false;
  #drawn = false;
  #busy = false;
  #rest = 0;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    super();
    this.#canvas = canvas;
  }

  /** @param {string | null} id the job whose head is shown; null: none */
  open(id) {
    this.#id = id;
    clearTimeout(this.#rest);
    if (this.#socket) this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket?.close();
    this.#socket = null;
    this.#busy = this.#drawn = false;
    this.#canvas.getContext("2d").clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    if (id) this.#connect();
  }

  /** @param {{mode: string, yaw: number, pitch: number, zoom: number, expression: Record<string, number>}} look */
  show(look) {
    this.#look = look;
    this.#request(false);
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.#request(true), REST_MS);
  }

  #request(fine) {
    this.#waiting = { ...this.#look, fine };
    this.#pump();
  }

  #pump() {
    if (!this.#waiting || this.#busy || this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify(this.#waiting));
    this.#busy = true;
    this.#waiting = false;
  }

  #connect() {
    const id = this.#id;
    const socket = new WebSocket(socketUrl(`api/jobs/${id}/view`));
    this.#socket = socket;
    socket.binaryType = "blob";
    socket.onopen = () => this.#request(true);
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onclose = ({ code }) => {
      this.#busy = false;
      if (code === GONE) this.dispatchEvent(new Event("gone"));
      else setTimeout(() => this.#id === id && this.#connect(), AGAIN_MS);
    };
  }

  async #received(data) {
    const id = this.#id;
    if (typeof data === "string") {
      this.dispatchEvent(new CustomEvent("trouble", { detail: JSON.parse(data).error }));
    } else {
      const picture = await createImageBitmap(data);
      if (this.#id !== id) return picture.close();
      this.#canvas.getContext("2d").drawImage(picture, 0, 0, this.#canvas.width, this.#canvas.height);
      picture.close();
      if (!this.#drawn) this.dispatchEvent(new Event("first"));
      this.#drawn = true;
    }
    if (this.#id !== id) return;
    this.#busy = false;
    this.#pump();
  }
}
