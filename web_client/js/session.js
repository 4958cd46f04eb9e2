/**
 * One avatar session that stays alive: WebRTC by a single POST (the shape of WHIP), and a new one whenever it is lost.
 *
 * Events: `state` with detail {state: "connecting" | "waiting" | "live" | "away" | "refused", reason?, seconds?};
 * `stream` with the avatar's MediaStream; `message` with what the control channel brings.
 */
import { ApiError, request } from "./api.js";
import { Control } from "./control.js";
import { STRINGS } from "./strings.js";

const GATHER_MS = 1500; // host candidates come at once; a dead STUN or mDNS must not hold up the start
const CONNECT_MS = 15000;
const QUIET_MS = 2500; // no picture and no message for this long: ask the server whether it still knows us
const STALLED_MS = 12000; // it does, and still nothing comes: start over
const BACKOFF_S = [0.5, 1, 2, 4, 8];
const MAX_BITRATE = 2_500_000;

export class Session extends EventTarget {
  #camera;
  #stopped = false;
  #url = null;
  #connection = null;
  #control = null;
  #voice = null;
  /** @type {MediaStreamTrack | null} */
  #microphone = null;
  #view = null;
  #wake = null;
  #lastSign = 0;

  /** @param {MediaStream} camera what is sent; it outlives every connection */
  constructor(camera) {
    super();
    this.#camera = camera;
  }

  get connection() { return this.#connection; }
  get url() { return this.#url; }

  /** Connects, and connects again until `stop` or until the server refuses for good. */
  async run() {
    addEventListener("online", this.retry);
    for (let failures = 0; !this.#stopped; ) {
      let reason;
      try {
        this.#tell("connecting");
        await this.#connect();
        this.#tell("waiting");
        reason = await this.#lifetime(() => { failures = 0; this.#tell("live"); });
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.status === 401 || error.status === 403 || error.code === "no-codec") this.#stopped = true;
        if (this.#stopped) this.#tell("refused", { reason: error.message, code: error.code });
        reason = error.message;
      } finally {
        this.#drop();
      }
      if (!this.#stopped) await this.#pause(reason, BACKOFF_S[Math.min(failures++, BACKOFF_S.length - 1)]);
    }
    removeEventListener("online", this.retry);
  }

  /** Ends the current wait at once. */
  retry = () => this.#wake?.();

  /** Ends the session here and on the server. */
  stop() {
    this.#stopped = true;
    this.#drop();
    this.retry();
  }

  /** @param {{mode: string, yaw: number, pitch: number, zoom: number}} view kept over reconnections */
  setView(view) {
    this.#view = view;
    this.#control?.setView(view);
  }

  /** @param {MediaStreamTrack | null} track sent beside the camera from now on; kept over reconnections */
  setMicrophone(track) {
    this.#microphone = track;
    this.#voice?.replaceTrack(track).catch(() => {}); // the connection has just been closed
  }

  /** @param {string} action "snapshot" or "calibrate" @param {number} timeout ms @returns {Promise<Response>} */
  post(action, timeout) {
    if (!this.#url) throw new ApiError("no-session", STRINGS.serverAway);
    return request("POST", `${this.#url}/${action}`, { timeout });
  }

  /** @returns {Promise<object>} what the server knows of this session; its `device`, for one */
  async state() {
    return (await request("GET", this.#url)).json();
  }

  async #connect() {
    const connection = new RTCPeerConnection();
    this.#connection = connection;
    this.#control = new Control(connection);
    this.#control.addEventListener("message", (event) => {
      this.#lastSign = performance.now();
      this.dispatchEvent(new CustomEvent("message", { detail: event.detail }));
    });
    if (this.#view) this.#control.setView(this.#view);
    connection.ontrack = ({ track, receiver }) => {
      receiver.jitterBufferTarget = 0; // a mirror should not lag; a late frame is worth nothing here
      this.dispatchEvent(new CustomEvent("stream", { detail: new MediaStream([track]) }));
    };
    const [track] = this.#camera.getVideoTracks();
    const transceiver = connection.addTransceiver(track, { direction: "sendrecv", streams: [this.#camera] });
    preferH264(transceiver);
    // Room for a microphone, so that ticking it needs no new connection. Without one nothing is sent.
    this.#voice = connection.addTransceiver("audio", { direction: "sendonly", streams: [this.#camera] }).sender;
    await this.#voice.replaceTrack(this.#microphone);

    await connection.setLocalDescription();
    await gathered(connection);
    const response = await request("POST", "api/sessions", {
      body: connection.localDescription.sdp, type: "application/sdp", timeout: CONNECT_MS,
    });
    const url = response.headers.get("Location").replace(/^\//, ""); // relative, as the page may live under a prefix
    if (this.#stopped) {
      end(url);
      throw new ApiError("stopped", "");
    }
    this.#url = url;
    await connection.setRemoteDescription({ type: "answer", sdp: await response.text() });
    await keepSharp(transceiver.sender);
  }

  /** Watches the connection: resolves with the reason when it is over. `onLive` is called at the first picture. */
  async #lifetime(onLive) {
    const connection = this.#connection;
    const born = performance.now();
    let frames = 0;
    this.#lastSign = born;
    while (!this.#stopped && connection === this.#connection) {
      await this.#sleep(frames ? 500 : 100);
      const decoded = await framesDecoded(connection);
      const now = performance.now();
      if (decoded > frames) {
        if (frames === 0) onLive();
        frames = decoded;
        this.#lastSign = now;
      }
      const { connectionState } = connection;
      if (connectionState === "failed" || connectionState === "closed") return frames ? STRINGS.connectionLost : STRINGS.noMedia;
      if (connectionState !== "connected" && !frames && now - born > CONNECT_MS) return STRINGS.noMedia;
      if (now - this.#lastSign > STALLED_MS && frames) return STRINGS.stalled;
      if (now - this.#lastSign > QUIET_MS) await this.#probe();
    }
    return STRINGS.connectionLost;
  }

  /** Throws when the server is away or does not know this session any more. */
  async #probe() {
    try {
      await request("GET", this.#url, { timeout: 3000 });
    } catch (error) {
      throw error.status === 404 ? new ApiError(error.code, STRINGS.sessionGone, 404) : error;
    }
  }

  async #pause(reason, seconds) {
    const jittered = seconds * (0.8 + 0.4 * Math.random()); // many pages must not come back in step
    const until = performance.now() + 1000 * jittered;
    let woken = false;
    while (!this.#stopped && !woken && performance.now() < until) {
      const left = until - performance.now();
      this.#tell("away", { reason, seconds: Math.ceil(left / 1000) });
      woken = await this.#sleep(Math.min(left, 1000));
    }
  }

  /** @returns {Promise<boolean>} whether it was woken early */
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
    this.#control = this.#connection = this.#voice = this.#url = null;
  }

  #tell(state, detail = {}) {
    this.dispatchEvent(new CustomEvent("state", { detail: { state, ...detail } }));
  }
}

/** Tells the server that a session is over; it may be gone already, and it ends silent sessions itself. */
function end(url) {
  request("DELETE", url, { keepalive: true }).catch(() => {});
}

/** H264 first: the server encodes it about twice as fast as VP8. */
function preferH264(transceiver) {
  const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const isH264 = (codec) => codec.mimeType.toLowerCase() === "video/h264";
  if (!codecs.some(isH264)) return;
  transceiver.setCodecPreferences?.([...codecs.filter(isH264), ...codecs.filter((codec) => !isH264(codec))]);
}

/** Fewer frames rather than smaller ones: the tracker needs the pixels. */
async function keepSharp(sender) {
  const parameters = sender.getParameters();
  parameters.degradationPreference = "maintain-resolution";
  for (const encoding of parameters.encodings) Object.assign(encoding, { maxBitrate: MAX_BITRATE, maxFramerate: 30, scaleResolutionDownBy: 1 });
  await sender.setParameters(parameters).catch(() => {}); // a hint: browsers may not know all of it
}

/** @param {RTCPeerConnection} connection */
async function framesDecoded(connection) {
  for (const report of (await connection.getStats()).values()) {
    if (report.type === "inbound-rtp" && report.kind === "video") return report.framesDecoded ?? 0;
  }
  return 0;
}

/** The offer carries all candidates, so one request is enough. */
function gathered(connection) {
  if (connection.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    setTimeout(resolve, GATHER_MS);
    connection.addEventListener("icegatheringstatechange", () => connection.iceGatheringState === "complete" && resolve());
  });
}
