/**
 * One avatar session that stays alive: WebRTC by a single POST (the shape of WHIP), and a new one whenever it is lost.
 *
 * Events: `state` tells what becomes of it; `stream` has the avatar's MediaStream; `message` what the control channel
 * brings.
 *
 * @typedef {import("./types.js").View} View
 * @typedef {import("./types.js").Wording} Wording
 */
import { ApiError, ask, received, request, why } from "./api.js";
import { Control } from "./control.js";
import { Emitter } from "./emitter.js";
import { phrase } from "./i18n.js";
import { gathered, keepSharp, preferH264 } from "./offer.js";
import { avatarStats } from "./stats.js";

const CONNECT_MS = 15000;
const QUIET_MS = 1000; // no picture and no message for this long: ask the server whether it still knows us
const UNSEEN_MS = 2500; // the same before the first picture
const STALLED_MS = 12000; // it does, and still nothing comes: start over
const MOVED = "session-moved"; // the notice of a worker that ends
const BACKOFF_S = [0.5, 1, 2, 4];
const MAX_BACKOFF_S = 8;

/** @extends {Emitter<{state: import("./types.js").SessionEvent, stream: MediaStream, message: import("./types.js").ControlMessage}>} */
export class Session extends Emitter {
  #camera;
  #track;
  #iceServers;
  #stopped = false;
  /** @type {string | null} */
  #url = null;
  /** @type {RTCPeerConnection | null} */
  #connection = null;
  /** @type {Control | null} */
  #control = null;
  /** @type {RTCRtpSender | null} */
  #sender = null;
  /** @type {RTCRtpSender | null} */
  #voice = null;
  /** @type {MediaStreamTrack | null} */
  #microphone = null;
  /** @type {View | null} */
  #view = null;
  #wake = () => {};
  #lastSign = 0;
  /** The id of the session before: what another worker needs to go on with it. */
  #before = "";
  /** Whether the server has said that this session goes on elsewhere. */
  #moved = false;

  /**
   * @param {MediaStream} camera @param {MediaStreamTrack} track of it, what is sent; both outlive every connection
   * @param {RTCIceServer[]} iceServers STUN and TURN, which the server names
   */
  constructor(camera, track, iceServers = []) {
    super();
    this.#iceServers = iceServers;
    this.#camera = camera;
    this.#track = track;
  }

  get connection() { return this.#connection; }
  /** Its address on the server, without a leading slash; null while there is none. */
  get url() { return this.#url; }

  /** Connects, and connects again until `stop` or until the server refuses for good. */
  async run() {
    addEventListener("online", this.retry);
    for (let failures = 0; !this.#stopped; failures++) {
      let live = false;
      const reason = await this.#attempt(() => { failures = 0; live = true; });
      if (live && this.#moved) continue; // somebody waits for it, or nobody knows it any more: there is nothing to wait for
      if (!this.#stopped) await this.#pause(reason, BACKOFF_S[failures] ?? MAX_BACKOFF_S);
    }
    removeEventListener("online", this.retry);
  }

  /** One connection from its beginning to its end. @param {() => void} onLive @returns {Promise<Wording>} why it ended */
  async #attempt(onLive) {
    try {
      this.#moved = false;
      this.emit("state", { state: "connecting" });
      const connection = await this.#connect();
      this.emit("state", { state: "waiting" });
      return await this.#lifetime(connection, () => {
        onLive();
        this.emit("state", { state: "live" });
      });
    } catch (error) {
      // The browser's own complaints, of an answer that it cannot use or of a connection that `stop` closed meanwhile.
      if (!(error instanceof ApiError || error instanceof DOMException)) throw error;
      if (!(error instanceof ApiError)) return phrase("session.no_media");
      const final = error.status === 401 || error.status === 403 || error.code === "no-codec";
      if (final && !this.#stopped) {
        this.#stopped = true;
        this.emit("state", { state: "refused", reason: why(error), code: error.code });
      }
      return why(error);
    } finally {
      this.#drop();
    }
  }

  /** Ends the current wait at once. */
  retry = () => this.#wake();

  /** Ends the session here and on the server. */
  stop() {
    this.#stopped = true;
    this.#drop();
    this.retry();
  }

  /** @param {View} view kept over reconnections */
  setView(view) {
    this.#view = view;
    this.#control?.setView(view);
  }

  /** Another camera from now on, without a new connection. @param {MediaStream} camera @param {MediaStreamTrack} track of it */
  async setCamera(camera, track) {
    this.#camera = camera;
    this.#track = track;
    await this.#sender?.replaceTrack(track).catch(() => {}); // the connection has just been closed
    if (this.#sender) await keepSharp(this.#sender);
  }

  /** @param {import("./types.js").ActMessage} message what keys do to the face */
  act(message) { this.#control?.send(message); }

  /**
   * @param {"hair" | "glasses"} kind @param {import("./types.js").Style} style of the own head from now on
   * @param {boolean} [begin] nothing wished: the server's own
   */
  setStyle(kind, style, begin = false) {
    if (!begin || style.style || style.colour) this.#control?.send({ type: kind, ...style });
  }

  /** Follow the person there. @param {number} x @param {number} y fractions of the camera's picture */
  follow(x, y) { this.#control?.send({ type: "follow", x, y }); }

  /** @param {MediaStreamTrack | null} track sent beside the camera from now on; kept over reconnections */
  setMicrophone(track) {
    this.#microphone = track;
    this.#voice?.replaceTrack(track).catch(() => {}); // the connection has just been closed
  }

  /** @param {string} action "snapshot" or "calibrate" @param {number} timeout ms @returns {Promise<Response>} */
  async post(action, timeout) {
    return request("POST", `${this.#place()}/${action}`, { timeout });
  }

  /** @returns {Promise<import("./types.js").SessionState>} what the server knows of this session; its `device`, for one */
  async state() {
    return ask("GET", this.#place());
  }

  /** @returns {string} its address on the server @throws {ApiError} while there is none */
  #place() {
    if (!this.#url) throw new ApiError("no-session", phrase("error.server_away"));
    return this.#url;
  }

  /** @returns {Promise<RTCPeerConnection>} to which the server has answered @throws {ApiError | DOMException} */
  async #connect() {
    const connection = new RTCPeerConnection({ iceServers: this.#iceServers });
    this.#connection = connection;
    const control = new Control(connection);
    this.#control = control;
    control.on("message", (message) => {
      this.#lastSign = performance.now();
      if (message.type === "notice" && message.code === MOVED) this.#move();
      else this.emit("message", message);
    });
    if (this.#view) control.setView(this.#view);
    connection.ontrack = ({ track, receiver }) => {
      receiver.jitterBufferTarget = 0; // a mirror should not lag; a late frame is worth nothing here
      this.emit("stream", new MediaStream([track]));
    };
    const transceiver = connection.addTransceiver(this.#track, { direction: "sendrecv", streams: [this.#camera] });
    preferH264(transceiver);
    this.#sender = transceiver.sender;
    // Room for a microphone, so that ticking it needs no new connection. Without one nothing is sent.
    const voice = connection.addTransceiver("audio", { direction: "sendonly", streams: [this.#camera] }).sender;
    this.#voice = voice;
    await voice.replaceTrack(this.#microphone);

    await connection.setLocalDescription();
    await gathered(connection);
    if (this.#stopped) throw new ApiError("stopped", "");
    const response = await request("POST", `api/sessions${this.#before && `?resume=${this.#before}`}`, {
      body: connection.localDescription?.sdp, type: "application/sdp", timeout: CONNECT_MS,
    });
    const location = response.headers.get("Location");
    if (!location) throw new ApiError("no-location", phrase("error.http", { status: response.status })); // of a proxy
    const url = location.replace(/^\//, ""); // relative, as the page may live under a prefix
    if (this.#stopped) {
      end(url);
      throw new ApiError("stopped", "");
    }
    this.#url = url;
    this.#before = encodeURIComponent(url.split("/").at(-1) ?? "");
    await connection.setRemoteDescription({ type: "answer", sdp: await received(() => response.text()) });
    await keepSharp(transceiver.sender);
    return connection;
  }

  /**
   * Watches the connection. `onLive` is called at the first picture.
   *
   * @param {RTCPeerConnection} connection @param {() => void} onLive @returns {Promise<Wording>} why it is over
   */
  async #lifetime(connection, onLive) {
    const born = performance.now();
    let frames = 0;
    this.#lastSign = born;
    while (connection === this.#connection && !this.#moved) {
      await this.#sleep(frames ? 500 : 100);
      const decoded = (await avatarStats(connection))?.framesDecoded ?? 0;
      if (connection !== this.#connection) break;
      const now = performance.now();
      if (decoded > frames) {
        if (frames === 0) onLive();
        frames = decoded;
        this.#lastSign = now;
      }
      const { connectionState } = connection;
      if (connectionState === "failed" || connectionState === "closed") return phrase(frames ? "session.lost" : "session.no_media");
      if (connectionState !== "connected" && !frames && now - born > CONNECT_MS) return phrase("session.no_media");
      if (now - this.#lastSign > STALLED_MS && frames) return phrase("session.stalled");
      if (now - this.#lastSign > (frames ? QUIET_MS : UNSEEN_MS)) await this.#probe();
    }
    return phrase("session.lost");
  }

  /** @throws {ApiError} when the server is away or does not know this session any more */
  async #probe() {
    try {
      await request("GET", this.#place(), { timeout: 3000 });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status !== 404 && error.code !== "worker-away") throw error;
      this.#moved = true;
      throw new ApiError("session-gone", phrase("session.gone"), 404);
    }
  }

  /** The worker ends: the session goes on with another one. */
  #move() {
    this.#moved = true;
    this.retry();
  }

  /** Waits for the next try, telling how long it will be. @param {Wording} reason @param {number} seconds */
  async #pause(reason, seconds) {
    const jittered = seconds * (0.8 + 0.4 * Math.random()); // many pages must not come back in step
    const until = performance.now() + 1000 * jittered;
    let woken = false;
    while (!this.#stopped && !woken && performance.now() < until) {
      const left = until - performance.now();
      this.emit("state", { state: "away", reason, seconds: Math.ceil(left / 1000) });
      woken = await this.#sleep(Math.min(left, 1000));
    }
  }

  /** @param {number} ms @returns {Promise<boolean>} whether it was woken early */
  #sleep(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), ms);
      this.#wake = () => { clearTimeout(timer); resolve(true); };
    });
  }

  #drop() {
    this.#control?.close();
    this.#connection?.close();
    if (this.#url) end(this.#url);
    this.#control = this.#connection = this.#sender = this.#voice = this.#url = null;
  }
}

/** Tells the server that a session is over; it may be gone already, and it ends silent sessions itself. @param {string} url */
function end(url) {
  request("DELETE", url, { keepalive: true }).catch(() => {});
}
