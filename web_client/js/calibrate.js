/** Calibration: the resting face and how far it can move, measured step by step, kept in a file and in this browser. */
import { ApiError, request } from "./api.js";
import { ask, make, said, why } from "./elements.js";
import { tr } from "./i18n.js";
import { save } from "./record.js";

const STORE = "face3d-calibration";
const COUNT_MS = 900;
const HOLD_MS = 1900; // the server looks at the last 1.5 s; the beginning is for starting late

/** step, its name, what to do while it counts down, what to do then; a step without the last is over at zero. */
const STEPS = [
  ["neutral", "Neutral", "Relax your face and look at the camera"],
  ["jaw", "Open mouth", "Get ready to open your mouth wide", "Mouth wide open: hold it"],
  ["smile", "Smile", "Get ready to smile broadly", "A broad smile: hold it"],
  ["brows", "Brows up", "Get ready to raise your brows", "Brows up high: hold it"],
  ["blink", "Eyes shut", "Get ready to shut both eyes until it beeps", "Both eyes shut until it beeps"],
];

const $ = (id) => document.getElementById(id);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Calibration {
  #notice;
  #session = null;
  #url = null;
  #busy = false;
  /** @type {object | null} the file, as the server gave it */
  #profile = stored();
  #person = make("input", { maxLength: 80, autocomplete: "off", spellcheck: false });
  #rows = new Map();
  #file = make("input", { type: "file", accept: ".json,application/json", hidden: true });
  #actions = [];

  /** @param {import("./status.js").Notice} notice */
  constructor(notice) {
    this.#notice = notice;
    $("calibrate").addEventListener("click", () => this.#measure("neutral"));
    this.#build();
    addEventListener("languagechanged", () => this.#build());
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
    }
    this.#show();
  }

  #build() {
    const steps = STEPS.map(([step, name]) => {
      const value = make("span", { className: "cal-value" });
      const button = make("button", { type: "button", className: "small", onclick: () => this.#measure(step) }, tr("Measure"));
      button.setAttribute("aria-label", tr("Measure: {name}", { name: tr(name) }));
      this.#rows.set(step, { value, button });
      return make("li", { dataset: { step } }, make("b", {}, tr(name)), value, button);
    });
    const button = (text, act) => make("button", { type: "button", className: "small", onclick: act }, tr(text));
    this.#actions = [
      button("Save to a file", () => this.#save()), button("Load a file", () => this.#file.click()), button("Forget", () => this.#forget()),
    ];
    this.#file.onchange = async () => {
      const [file] = this.#file.files;
      this.#file.value = "";
      if (file) await this.#load(await file.text());
    };
    this.#person.onchange = () => { if (this.#profile) this.#keep({ ...this.#profile, person: this.#person.value.trim() }); };
    this.#person.value = this.#profile?.person ?? "";
    $("calibration").replaceChildren(
      make("p", { className: "fine" }, tr("So that your resting face is 0 and your fullest movement 1. Each step can be repeated.")),
      make("ul", { className: "cal-steps" }, ...steps),
      make("label", { className: "cal-person" }, make("span", {}, tr("Whose face")), this.#person),
      make("div", { className: "cal-actions" }, ...this.#actions), this.#file,
      make("p", { className: "fine" }, tr("Kept in this browser, and in the file that you save.")));
    this.#show();
  }

  #show() {
    const live = Boolean(this.#session) && !this.#busy;
    $("calibrate").disabled = !live;
    const range = this.#profile?.range ?? {};
    for (const [step, { value, button }] of this.#rows) {
      button.disabled = !live;
      const full = Object.entries(range).filter(([name]) => CHANNEL[step]?.test(name)).map(([, peak]) => peak);
      const done = step === "neutral" ? Object.values(this.#profile?.expression ?? {}).some((value) => value > 0) : full.length > 0;
      value.textContent = done ? (full.length ? `✓ ${full.map((peak) => peak.toFixed(2)).join(" / ")}` : "✓") : "–";
      value.classList.toggle("done", done);
    }
    const [saving, loading, forgetting] = this.#actions;
    saving.disabled = forgetting.disabled = !this.#profile;
    loading.disabled = !live;
  }

  async #measure(step) {
    const session = this.#session;
    if (!session || this.#busy) return;
    this.#busy = true;
    this.#show();
    const [, name, ready, hold] = STEPS.find(([each]) => each === step);
    const still = () => this.#session === session && session.url === this.#url;
    await this.#count(tr(ready), still);
    if (hold && still()) await this.#hold(tr(hold));
    $("countdown").hidden = true;
    try {
      if (!still()) return;
      await ask("POST", `${session.url}/calibrate`, { step });
      this.#keep(await ask("GET", `${session.url}/calibration?person=${encodeURIComponent(this.#person.value.trim())}`));
      this.#notice.show(step === "neutral" ? tr("This is now your neutral face.") : tr("Measured: {name}.", { name: tr(name) }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#notice.show(tr("Not calibrated: {why}", { why: why(error) }), { warn: true });
    } finally {
      if (hold) beep();
      this.#busy = false;
      this.#show();
    }
  }

  async #count(hint, still) {
    const box = $("countdown");
    box.querySelector("span").textContent = hint;
    for (let left = 3; left > 0 && still(); left--) {
      box.hidden = false;
      box.querySelector("strong").textContent = left;
      await pause(COUNT_MS);
    }
  }

  async #hold(hint) {
    const box = $("countdown");
    box.querySelector("strong").textContent = "●";
    box.querySelector("span").textContent = hint;
    await pause(HOLD_MS);
  }

  async #load(text, { quiet = false } = {}) {
    const url = this.#url;
    if (!url) return;
    try {
      await request("PUT", `${url}/calibration`, { body: text, type: "application/json" });
      const profile = JSON.parse(text);
      this.#person.value = profile.person ?? "";
      this.#keep(profile);
      if (!quiet) this.#notice.show(tr("The calibration is in use."));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // A file that an older version kept here is of no use; everything else may come again.
      if (quiet && error.code === "bad-calibration") this.#keep(null);
      else this.#notice.show(tr("Not calibrated: {why}", { why: why(error) }), { warn: true });
    }
  }

  #save() {
    const person = this.#profile.person || "face";
    const blob = new Blob([JSON.stringify(this.#profile, null, 1)], { type: "application/json" });
    save(blob, null, `${person.replace(/[^\p{L}\p{N}]+/gu, "-")}-calibration.json`);
  }

  async #forget() {
    this.#keep(null);
    if (!this.#url) return;
    try {
      await ask("DELETE", `${this.#url}/calibration`);
      this.#notice.show(tr("The calibration is forgotten."));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#notice.show(said(error), { warn: true });
    }
  }

  /** @param {object | null} profile from now on, here and in this browser */
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

const CHANNEL = { jaw: /^jawOpen$/, smile: /^mouthSmile/, brows: /^brow/, blink: /^eyeBlink/ };

/** The sample is somebody else. */
const isSample = () => document.body.dataset.source === "sample";

function stored() {
  try {
    return JSON.parse(localStorage.getItem(STORE));
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
