/** The Camera tab: which camera and microphone, how large and how often, whom to follow. What is chosen here is kept. */
import { $ } from "./dom.js";
import { make } from "./elements.js";
import { phrase, write } from "./i18n.js";
import { keep, kept } from "./kept.js";

/** @typedef {import("./types.js").PlainKey} PlainKey */

/** The tracker sees at most 640 pixels on the longer side: more is for cameras that are fast only so, or for the eye. */
const RESOLUTIONS = ["640x480", "640x360", "960x540", "1280x720", "320x240"];
const RATES = [30, 60, 24, 15];

export class Devices {
  #reopen;
  #camera = this.#select("camera", "videoinput");
  #microphone = this.#select("microphone", "audioinput");
  #resolution = make("select", { onchange: () => this.#changed("resolution", this.#resolution.value) },
    ...RESOLUTIONS.map((value) => make("option", { value }, value.replace("x", " × "))));
  #rate = make("select", { onchange: () => this.#changed("rate", Number(this.#rate.value)) },
    make("option", { value: "" }, phrase("camera.automatic")), ...RATES.map((rate) => make("option", { value: String(rate) }, `${rate} fps`)));
  #given = make("p", { className: "fine", role: "status" });

  /** @param {() => void} reopen called when the camera shall be opened as chosen now */
  constructor(reopen) {
    this.#reopen = reopen;
    this.#resolution.value = String(kept("resolution") ?? RESOLUTIONS[0]);
    this.#rate.value = String(kept("rate") ?? "");
    $("camera-tab").append(
      field("camera.device", this.#camera),
      make("div", { className: "out-row" }, field("camera.resolution", this.#resolution, "wide"), field("camera.rate", this.#rate, "wide")),
      this.#given, field("camera.microphone", this.#microphone),
      make("p", { className: "fine" }, phrase("camera.microphone_text")),
      make("p", { className: "fine" }, phrase("camera.person_text")));
    const devices = /** @type {MediaDevices | undefined} */ (navigator.mediaDevices);
    devices?.addEventListener("devicechange", () => this.list());
    this.list();
  }

  /** Reads which devices there are. Their names are told once the page may use them. */
  async list() {
    const devices = /** @type {MediaDevices | undefined} */ (navigator.mediaDevices);
    const all = await devices?.enumerateDevices().catch(() => []) ?? [];
    for (const select of [this.#camera, this.#microphone]) fill(select, all.filter(({ kind }) => kind === select.dataset.kind));
  }

  /** What the camera really gives. @param {MediaStreamTrack | null} track */
  show(track) {
    const { width, height, frameRate, deviceId } = track?.getSettings() ?? {};
    if (!track) return write(this.#given, "");
    if (deviceId) this.#camera.value = deviceId;
    const size = `${width ?? "?"} × ${height ?? "?"}`;
    write(this.#given, phrase("camera.given", { size, rate: frameRate ? Math.round(frameRate) : "?" }));
    return this.list();
  }

  /** @param {"camera" | "microphone"} name @param {string} kind */
  #select(name, kind) {
    const select = make("select", { name, dataset: { kind }, onchange: () => this.#changed(name, select.value) });
    return select;
  }

  /** @template {"camera" | "microphone" | "resolution" | "rate"} K @param {K} name @param {import("./kept.js").Choices[K]} value */
  #changed(name, value) {
    keep(name, value || undefined);
    if (name === "microphone") dispatchEvent(new Event("microphonechosen"));
    else this.#reopen();
  }
}

/** @param {HTMLSelectElement} select @param {MediaDeviceInfo[]} devices */
function fill(select, devices) {
  const name = /** @type {"camera" | "microphone"} */ (select.name), before = select.value || String(kept(name) ?? "");
  const named = devices.filter(({ deviceId, label }) => deviceId && label);
  const options = [make("option", { value: "" }, phrase("camera.automatic"))];
  options.push(...named.map(({ deviceId, label }) => make("option", { value: deviceId }, label)));
  select.replaceChildren(...options);
  select.value = named.some(({ deviceId }) => deviceId === before) ? before : "";
  select.disabled = !named.length;
}

/** @param {PlainKey} name @param {HTMLElement} control */
function field(name, control, className = "") {
  return make("label", { className: `field ${className}` }, make("span", {}, phrase(name)), control);
}
