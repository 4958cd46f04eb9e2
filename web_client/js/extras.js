/**
 * What may be recorded besides the movements: the voice and the avatar's picture. Off until ticked, each time anew.
 *
 * The microphone is opened when ticked, so that the browser asks then and not in mid-performance. What is sent of it is
 * muted until a recording runs: the browser itself sends silence.
 */
import { make } from "./elements.js";
import { tr } from "./i18n.js";

const METER_MS = 100;
const LOUD = 0.25; // root mean square that fills the meter

export class Extras {
  #onChange = () => {};
  #session = null;
  /** @type {{own: MediaStreamTrack, sent: MediaStreamTrack, close: () => void} | null} */
  #microphone = null;
  #recording = false;
  #voice = make("input", { type: "checkbox", id: "with-microphone" });
  #render = make("input", { type: "checkbox", id: "with-render" });
  #meter = make("meter", { min: 0, max: 1, hidden: true });
  #said = make("p", { className: "fine" });
  #trouble = make("p", { className: "out-trouble", hidden: true });
  element = make("div", { className: "extras" });

  /** @param {() => void} onChange something was ticked, or is no longer */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#trouble.setAttribute("role", "alert");
    for (const box of [this.#voice, this.#render]) box.autocomplete = "off";
    this.#voice.addEventListener("change", () => (this.#voice.checked ? this.#open() : this.#close()));
    this.#render.addEventListener("change", () => this.#changed());
    addEventListener("languagechanged", () => this.#show());
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
      if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("", "SecurityError");
      // What makes calls clear makes recordings dull: only what the room's echo needs stays on.
      const audio = { echoCancellation: true, noiseSuppression: false, autoGainControl: false };
      const stream = await navigator.mediaDevices.getUserMedia({ audio, video: false });
      const [own] = stream.getAudioTracks();
      if (this.#voice.checked) this.#start(own);
      else own.stop();
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      this.#fail(reason(error));
    }
    this.#voice.disabled = this.#recording;
    this.#changed();
  }

  /** @param {MediaStreamTrack} own */
  #start(own) {
    const sent = own.clone();
    sent.enabled = false;
    own.addEventListener("ended", () => {
      this.#close();
      this.#fail(tr("The microphone has gone. What is recorded from here on has no sound."));
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

  #fail(why) {
    this.#voice.checked = false;
    this.#trouble.textContent = why;
    this.#trouble.hidden = false;
  }

  #changed() {
    this.#show();
    this.#onChange();
  }

  #show() {
    this.#meter.hidden = !this.#microphone;
    this.#meter.setAttribute("aria-label", tr("Level of the microphone"));
    this.#said.textContent = [
      this.#microphone && tr("Your voice leaves this page only while it records, and is kept beside the recording."),
      this.#render.checked && tr("The render is the avatar as you see it. Over the camera, your own picture is in it."),
    ].filter(Boolean).join(" ");
    this.#said.hidden = !this.#said.textContent;
    this.element.replaceChildren(
      make("label", { className: "check" }, this.#voice, make("span", {}, tr("with microphone")), this.#meter),
      make("label", { className: "check" }, this.#render, make("span", {}, tr("with render"))),
      this.#said, this.#trouble);
  }
}

/** Shows how loud a track is. @param {MediaStreamTrack} track @returns {() => void} ends it */
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

/** @param {DOMException} error */
function reason({ name }) {
  if (name === "NotAllowedError") return tr("The browser does not allow the microphone: allow it in the address bar, then tick again.");
  if (name === "NotFoundError") return tr("There is no microphone: plug one in, then tick again.");
  if (name === "SecurityError") return tr("Browsers give the microphone only to https pages and to localhost.");
  return tr("The microphone cannot be opened: see that no other program uses it, then tick again.");
}
