/**
 * The "control" data channel: small JSON messages both ways.
 *
 * It may never open (a strict network, an old server), so nothing waits for it: `send` drops what cannot be sent, and
 * the last view is sent when the channel opens.
 */
const PING_MS = 1000;
const MAX_BUFFERED = 64 * 1024;

export class Control extends EventTarget {
  #channel;
  #timer = 0;
  #nextPing = 0;
  #view = null;

  /** @param {RTCPeerConnection} connection */
  constructor(connection) {
    super();
    this.#channel = connection.createDataChannel("control");
    this.#channel.onopen = () => this.#opened();
    this.#channel.onclose = () => this.close();
    this.#channel.onmessage = (event) => this.#received(event.data);
  }

  /** @param {object} message @returns {boolean} whether it was handed to the channel */
  send(message) {
    if (this.#channel.readyState !== "open" || this.#channel.bufferedAmount > MAX_BUFFERED) return false;
    this.#channel.send(JSON.stringify(message));
    return true;
  }

  /** @param {{mode: string, yaw: number, pitch: number, zoom: number}} view how the server's camera shall look */
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

  /** Hands on `message` events whose detail is the object; a pong's detail gets `rtt`, in ms. */
  #received(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return; // not of this protocol
    }
    if (message?.type === "pong" && Number.isFinite(message.t)) message.rtt = performance.now() - message.t;
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }
}
