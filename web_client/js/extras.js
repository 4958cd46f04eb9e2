/**
 * What may be recorded besides the movements: the voice and the avatar's picture. Off until ticked, each time anew.
 *
 * The microphone is opened when ticked, so that the browser asks then and not in mid-performance. What is sent of it is
 * muted until a recording runs: the browser itself sends silence.
 */
import { openDevices } from "./camera.js";
import { make } from "./elements.js";
import { Phrase, phrase, tr, write } from "./i18n.js";
import { kept } from "./kept.js";

const METER_MS = 100;
const LOUD = 0.25; // root mean square that fills the meter

export class Extras {
  #onChange;
  /** @type {import("./session.js").Session | null} */
  #session = null;
  /** @type {{own: MediaStreamTrack, sent: MediaStreamTrack, close: () => void} | null} */
  #microphone = null;
  #recording = false;
  #voice = make("input", { type: "checkbox", id: "with-microphone", autocomplete: "off" });
  #render = make("input", { type: "checkbox", id: "with-render", autocomplete: "off" });
  #meter = make("meter", { min: 0, max: 1, hidden: true, ariaLabel: phrase("microphone.level") });
  #said = make("p", { className: "fine" });
  #trouble = make("p", { className: "out-trouble", hidden: true, role: "alert" });
  element = make("div", { className: "extras" },
    make("label", { className: "check" }, this.#voice, make("span", {}, phrase("record.microphone")), this.#meter),
    make("label", { className: "check" }, this.#render, make("span", {}, phrase("record.render"))),
    this.#said, this.#trouble);

  /** @param {() => void} onChange something was ticked, or is no longer */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#voice.addEventListener("change", () => (this.#voice.checked ? this.#open() : this.#close()));
    this.#render.addEventListener("change", () => this.#changed());
    addEventListener("microphonechosen", () => this.#again());
    this.#show();
  }

  /** @param {import("./session.js").Session | null} session that is live now, or null */
  set session(session) {
    if (this.#microphone && document.body.dataset.state === "idle") this.#close(); // stopped: nobody listens any more
    if (this.#session !== session) this.#session?.setMicrophone(null);
    this.#session = session;
    session?.setMicrophone(this.#microphone?.sent ?? null);
  }

  /** For the request that starts a recording. */
  get wanted() { return { sound: Boolean(this.#microphone), render: this.#render.checked }; }

  /** While a recording runs the microphone is heard, and nothing can be added. @param {boolean} on */
  set recording(on) {
    this.#recording = on;
    if (this.#microphone) this.#microphone.sent.enabled = on;
    this.#voice.disabled = this.#render.disabled = on;
  }

  async #open() {
    this.#trouble.hidden = true;
    this.#voice.disabled = true;
    try {
      // What makes calls clear makes recordings dull: only what the room's echo needs stays on.
      const deviceId = kept("microphone");
      const which = deviceId ? { deviceId: { ideal: deviceId } } : {};
      const audio = { echoCancellation: true, noiseSuppression: false, autoGainControl: false, ...which };
      const stream = await openDevices({ audio, video: false });
      const [own] = stream.getAudioTracks();
      if (!own) throw new DOMException("", "NotFoundError");
      if (this.#voice.checked) this.#start(own);
      else own.stop();
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      this.#fail(phrase(reason(error)));
    }
    this.#voice.disabled = this.#recording;
    this.#changed();
  }

  /** Another microphone was chosen: from now on that one, unless a recording runs. */
  async #again() {
    if (!this.#microphone || this.#recording) return;
    this.#close();
    this.#voice.checked = true;
    await this.#open();
  }

  /** @param {MediaStreamTrack} own */
  #start(own) {
    const sent = own.clone();
    sent.enabled = false;
    own.addEventListener("ended", () => {
      this.#close();
      this.#fail(phrase("microphone.gone"));
    });
    this.#microphone = { own, sent, close: level(own, this.#meter) };
    this.#session?.setMicrophone(sent);
  }

  #close() {
    if (this.#microphone) {
      const { own, sent, close } = this.#microphone;
      this.#microphone = null;
      this.#session?.setMicrophone(null);
      close();
      own.stop();
      sent.stop();
    }
    this.#voice.checked = false;
    this.#changed();
  }

  /** @param {Phrase} why */
  #fail(why) {
    this.#voice.checked = false;
    write(this.#trouble, why);
    this.#trouble.hidden = false;
  }

  #changed() {
    this.#show();
    this.#onChange();
  }

  #show() {
    const { sound, render } = this.wanted;
    this.#meter.hidden = !sound;
    this.#said.hidden = !sound && !render;
    write(this.#said, new Phrase(() => [
      sound && tr("record.microphone_text"),
      render && tr("record.render_text"),
    ].filter(Boolean).join(" ")));
  }
}

/** Shows how loud a track is. @param {MediaStreamTrack} track @param {HTMLMeterElement} meter @returns {() => void} ends it */
function level(track, meter) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  const values = new Float32Array(analyser.fftSize);
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(values);
    const power = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    meter.value = Math.min(1, Math.sqrt(power) / LOUD);
  }, METER_MS);
  return () => { clearInterval(timer); context.close(); };
}

/** @param {DOMException} error @returns {import("./types.js").PlainKey} */
function reason({ name }) {
  if (name === "NotAllowedError") return "microphone.denied";
  if (name === "NotFoundError") return "microphone.missing";
  if (name === "SecurityError") return "microphone.insecure";
  return "microphone.other";
}
