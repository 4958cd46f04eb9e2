/**
 * The "control" data channel: small JSON messages both ways.
 *
 * It may never open (a strict network, an old server), so nothing waits for it: `send` drops what cannot be sent, and
 * the last view is sent when the channel opens.
 *
 * @typedef {import("./types.js").View} View
 */
import { Emitter } from "./emitter.js";

const PING_MS = 1000;
const MAX_BUFFERED = 64 * 1024;

/** @extends {Emitter<{message: import("./types.js").ControlMessage}>} */
export class Control extends Emitter {
  #channel;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #nextPing = 0;
  /** @type {View | null} */
  #view = null;

  /** @param {RTCPeerConnection} connection */
  constructor(connection) {
    super();
    this.#channel = connection.createDataChannel("control");
    this.#channel.onopen = () => this.#opened();
    this.#channel.onclose = () => this.close();
    this.#channel.onmessage = (event) => this.#received(event.data);
  }

  /** @param {import("./types.js").ControlRequest} message @returns {boolean} whether it was handed to the channel */
  send(message) {
    if (this.#channel.readyState !== "open" || this.#channel.bufferedAmount > MAX_BUFFERED) return false;
    this.#channel.send(JSON.stringify(message));
    return true;
  }

  /** @param {View} view how the server's camera shall look */
  setView(view) {
    this.#view = view;
    this.send({ type: "view", ...view });
  }

  close() {
    clearInterval(this.#timer);
    this.#channel.onmessage = null;
    this.#channel.close();
  }

  #opened() {
    if (this.#view) this.setView(this.#view);
    this.#timer = setInterval(() => this.send({ type: "ping", id: this.#nextPing++, t: performance.now() }), PING_MS);
  }

  /** Hands on `message` events whose detail is the object; a pong's detail gets `rtt`, in ms. @param {string} text */
  #received(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return; // not of this protocol
    }
    if (typeof message?.type !== "string") return;
    if (message.type === "pong") message.rtt = performance.now() - message.t;
    this.emit("message", message);
  }
}
