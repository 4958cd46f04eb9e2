/** As much of WebRTC as a session uses. What the browser would do by itself the test does: `connected`, `decode`, `opened`. */
import { install } from "./fake_dom.js";

class FakeChannel {
  readyState = "connecting";
  bufferedAmount = 0;
  sent = [];

  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.readyState = "closed"; }

  /** The server has opened it. */
  opened() {
    this.readyState = "open";
    this.onopen();
  }

  /** @param {unknown} message of the server; text is sent as it is */
  tell(message) { this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) }); }
}

class FakeSender {
  track = null;
  parameters = { encodings: [{}] };

  async replaceTrack(track) { this.track = track; }
  getParameters() { return this.parameters; }
  async setParameters(parameters) { this.parameters = parameters; }
}

export class FakeConnection extends EventTarget {
  /** All there were, the newest last. */
  static made = [];
  /** What setRemoteDescription makes of an answer. */
  static answered = async () => {};
  iceGatheringState = "gathering";
  connectionState = "new";
  localDescription = null;
  transceivers = [];
  #decoded = 0;

  constructor() {
    super();
    FakeConnection.made.push(this);
  }

  createDataChannel(label) { return (this.channel = Object.assign(new FakeChannel(), { label })); }

  addTransceiver(track, { direction }) {
    const sender = new FakeSender(), made = { track, direction, sender, setCodecPreferences: (codecs) => { made.codecs = codecs; } };
    this.transceivers.push(made);
    return made;
  }

  async setLocalDescription() {
    if (this.connectionState === "closed") throw new DOMException("", "InvalidStateError");
    this.localDescription = { sdp: "offer" };
  }

  async setRemoteDescription(answer) {
    this.answer = answer;
    await FakeConnection.answered(answer);
  }

  async getStats() {
    return new Map([["x", { type: "codec" }], ["v", { type: "inbound-rtp", kind: "video", id: "v", framesDecoded: this.#decoded }]]);
  }

  close() { this.connectionState = "closed"; }

  /** All candidates are there. */
  gathered() {
    this.iceGatheringState = "complete";
    this.dispatchEvent(new Event("icegatheringstatechange"));
  }

  /** So many pictures more have come. */
  decode(pictures) {
    this.connectionState = "connected";
    this.#decoded += pictures;
  }
}

/** Puts WebRTC in the place of the browser's. */
export function installRtc() {
  const codecs = ["video/VP8", "video/H264", "video/rtx"].map((mimeType) => ({ mimeType }));
  FakeConnection.made = [];
  FakeConnection.answered = async () => {};
  install({
    RTCPeerConnection: FakeConnection,
    RTCRtpReceiver: { getCapabilities: () => ({ codecs }) },
    MediaStream: class { constructor(tracks) { this.tracks = tracks; } },
  });
}
