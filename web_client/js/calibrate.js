/** Calibration: the resting face and how far it can move, measured step by step, kept in a file and in this browser. */
import { ApiError, ask, request, said, why } from "./api.js";
import { $, button, within } from "./dom.js";
import { make } from "./elements.js";
import { Guide } from "./guide.js";
import { phrase, write } from "./i18n.js";
import { save } from "./formatting.js";

/**
 * @typedef {import("./types.js").CalibrationProfile} Profile
 * @typedef {import("./types.js").PlainKey} PlainKey
 */

const STORE = "face3d-calibration";
const COUNT_MS = 900;
const HOLD_MS = 1900; // the server looks at the last 1.5 s; the beginning is for starting late

/**
 * A step's name, what to do while it counts down, what to do then; a step without the last is over at zero. Which
 * channels it measures.
 *
 * @typedef {{step: string, name: PlainKey, ready: PlainKey, hold?: PlainKey, channels?: RegExp}} Step
 * @type {[Step, ...Step[]]}
 */
const STEPS = [
  { step: "neutral", name: "calibrate.neutral", ready: "calibrate.neutral_ready" },
  { step: "jaw", name: "calibrate.jaw", ready: "calibrate.jaw_ready", hold: "calibrate.jaw_hold", channels: /^jawOpen$/ },
  { step: "smile", name: "calibrate.smile", ready: "calibrate.smile_ready", hold: "calibrate.smile_hold", channels: /^mouthSmile/ },
  { step: "brows", name: "calibrate.brows", ready: "calibrate.brows_ready", hold: "calibrate.brows_hold", channels: /^brow/ },
  { step: "blink", name: "calibrate.blink", ready: "calibrate.blink_ready", hold: "calibrate.blink_hold", channels: /^eyeBlink/ },
];

export class Calibration {
  #notice;
  /** @type {import("./session.js").Session | null} */
  #session = null;
  /** @type {string | null} */
  #url = null;
  #busy = false;
  /** @type {Profile | null} the file, as the server gave it */
  #profile = stored();
  #person = make("input", { maxLength: 80, autocomplete: "off", spellcheck: false });
  #file = make("input", { type: "file", accept: ".json,application/json", hidden: true });
  #rows = STEPS.map((step) => this.#row(step));
  #guide = new Guide(STEPS, (step) => this.#measure(step), () => this.#skip(), () => this.guide());
  /** Ends the present wait of a countdown. */
  #wake = () => {};
  #skipped = false;
  #guided = make("button", { type: "button", className: "primary", onclick: () => this.guide() }, phrase("guide.start"));
  #saving = small("calibrate.save", () => this.#save());
  #loading = small("calibrate.load", () => this.#file.click());
  #forgetting = small("calibrate.forget", () => this.#forget());

  /** @param {import("./status.js").Notice} notice */
  constructor(notice) {
    this.#notice = notice;
    button("calibrate").addEventListener("click", () => this.#measure(STEPS[0]));
    this.#file.onchange = async () => {
      const file = this.#file.files?.[0];
      this.#file.value = "";
      if (file) await this.#load(await file.text());
    };
    this.#person.onchange = () => { if (this.#profile) this.#keep({ ...this.#profile, person: this.#person.value.trim() }); };
    this.#person.value = this.#profile?.person ?? "";
    $("calibration").append(
      make("p", { className: "fine" }, phrase("calibrate.text")),
      make("div", { className: "buttons" }, this.#guided),
      make("details", { className: "cal-single" }, make("summary", {}, phrase("guide.single")),
        make("ul", { className: "cal-steps cards" }, ...this.#rows.map(({ row }) => row))),
      make("label", { className: "cal-person" }, make("span", {}, phrase("calibrate.person")), this.#person),
      make("div", { className: "buttons" }, this.#saving, this.#loading, this.#forgetting), this.#file,
      make("p", { className: "fine" }, phrase("calibrate.kept")));
    this.#show();
  }

  /** @param {import("./session.js").Session | null} session that is live now, or null */
  set session(session) {
    this.#session = session;
    const fresh = session && session.url !== this.#url;
    this.#url = session?.url ?? null;
    if (fresh) {
      this.#profile = isSample() ? null : stored();
      this.#person.value = this.#profile?.person ?? "";
      // A new session knows nobody: also after a lost connection the person stays calibrated.
      if (this.#profile) this.#load(JSON.stringify(this.#profile), { quiet: true });
      else if (!isSample()) this.#guide.offer();
    }
    this.#show();
  }

  /** All steps one after the other; each can be left out. */
  async guide() {
    if (!this.#session || this.#busy) return;
    const measured = await this.#guide.run();
    if (this.#session) this.#notice.show(phrase("guide.done", { n: measured, all: STEPS.length }), { warn: measured < STEPS.length });
  }

  /** @param {Step} step */
  #row(step) {
    const value = make("span", { className: "cal-value" });
    const measure = small("calibrate.measure", () => this.#measure(step), phrase("calibrate.measure_name", { name: phrase(step.name) }));
    return { step, value, measure, row: make("li", { dataset: { step: step.step } }, make("b", {}, phrase(step.name)), value, measure) };
  }

  #show() {
    const live = Boolean(this.#session) && !this.#busy;
    button("calibrate").disabled = this.#guided.disabled = !live;
    const { range = {}, expression = {} } = this.#profile ?? {};
    for (const { step: { channels }, value, measure } of this.#rows) {
      measure.disabled = !live;
      const full = Object.entries(range).filter(([name]) => channels?.test(name)).map(([, peak]) => peak.toFixed(2));
      const done = channels ? full.length > 0 : Object.values(expression).some((rest) => rest > 0);
      value.textContent = done ? `✓ ${full.join(" / ")}`.trim() : "–";
      value.classList.toggle("done", done);
    }
    this.#saving.disabled = this.#forgetting.disabled = !this.#profile;
    this.#loading.disabled = !live;
  }

  #skip() {
    this.#skipped = true;
    this.#wake();
  }

  /** @param {number} ms @returns {Promise<void>} over at once when it is skipped */
  #pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => { clearTimeout(timer); resolve(); };
    });
  }

  /** @param {Step} step @returns {Promise<boolean>} whether it was measured */
  async #measure({ step, name, ready, hold }) {
    const session = this.#session, url = this.#url;
    if (!session || !url || this.#busy) return false;
    this.#busy = true;
    this.#skipped = false;
    this.#show();
    const still = () => this.#session === session && this.#url === url && !this.#skipped;
    await this.#count(ready, still);
    if (hold && still()) await this.#hold(hold);
    $("countdown").hidden = true;
    try {
      if (!still()) return false;
      await ask("POST", `${url}/calibrate`, { step });
      this.#keep(await ask("GET", `${url}/calibration?person=${encodeURIComponent(this.#person.value.trim())}`));
      this.#notice.show(hold ? phrase("calibrate.measured", { name: phrase(name) }) : phrase("calibrate.measured_neutral"));
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#notice.show(phrase("calibrate.failed", { why: why(error) }), { warn: true });
      return false;
    } finally {
      if (hold && !this.#skipped) beep();
      this.#busy = false;
      this.#show();
    }
  }

  /** @param {PlainKey} hint @param {() => boolean} still */
  async #count(hint, still) {
    const box = $("countdown");
    write(within(box, "span", HTMLElement), phrase(hint));
    for (let left = 3; left > 0 && still(); left--) {
      box.hidden = false;
      within(box, "strong", HTMLElement).textContent = String(left);
      await this.#pause(COUNT_MS);
    }
  }

  /** @param {PlainKey} hint */
  async #hold(hint) {
    const box = $("countdown");
    within(box, "strong", HTMLElement).textContent = "●";
    write(within(box, "span", HTMLElement), phrase(hint));
    await this.#pause(HOLD_MS);
  }

  /** @param {string} text of a file @param {{quiet?: boolean}} how quiet: nothing is said when it was taken */
  async #load(text, { quiet = false } = {}) {
    const url = this.#url;
    if (!url) return;
    try {
      await request("PUT", `${url}/calibration`, { body: text, type: "application/json" });
      const profile = /** @type {Profile} */ (JSON.parse(text));
      this.#person.value = profile.person ?? "";
      this.#keep(profile);
      if (!quiet) this.#notice.show(phrase("calibrate.in_use"));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // A file that an older version kept here is of no use; everything else may come again.
      if (quiet && error.code === "bad-calibration") this.#keep(null);
      else this.#notice.show(phrase("calibrate.failed", { why: why(error) }), { warn: true });
    }
  }

  #save() {
    const person = this.#profile?.person || "face";
    const blob = new Blob([JSON.stringify(this.#profile, null, 1)], { type: "application/json" });
    save(blob, null, `${person.replace(/[^\p{L}\p{N}]+/gu, "-")}-calibration.json`);
  }

  async #forget() {
    this.#keep(null);
    if (!this.#url) return;
    try {
      await ask("DELETE", `${this.#url}/calibration`);
      this.#notice.show(phrase("calibrate.forgotten"));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#notice.show(said(error), { warn: true });
    }
  }

  /** @param {Profile | null} profile from now on, here and in this browser */
  #keep(profile) {
    this.#profile = profile;
    this.#show();
    if (isSample()) return;
    try {
      if (profile) localStorage.setItem(STORE, JSON.stringify(profile));
      else localStorage.removeItem(STORE);
    } catch { /* a private window: until it is closed */ }
  }
}

/** @param {PlainKey} text @param {() => void} onclick @param {import("./types.js").Wording} [label] for those who do not see it */
function small(text, onclick, label) {
  return make("button", { type: "button", className: "small", onclick, ...(label && { ariaLabel: label }) }, phrase(text));
}

/** The sample is somebody else. */
const isSample = () => document.body.dataset.source === "sample";

/** @returns {Profile | null} the calibration of this browser's user */
function stored() {
  try {
    return JSON.parse(localStorage.getItem(STORE) ?? "null");
  } catch {
    return null;
  }
}

/** For eyes that are shut. */
function beep() {
  const audio = new AudioContext(), tone = audio.createOscillator(), volume = audio.createGain();
  volume.gain.setValueAtTime(0.15, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.35);
  tone.frequency.value = 880;
  tone.connect(volume).connect(audio.destination);
  tone.onended = () => audio.close();
  tone.start();
  tone.stop(audio.currentTime + 0.35);
}
