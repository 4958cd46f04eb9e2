/** Recording: the button, and the Takes tab with what was recorded, in every format that is quickly made. */
import { ApiError, request } from "./api.js";
import { ask, attempt, make, why } from "./elements.js";
import { Extras } from "./extras.js";
import { tr } from "./i18n.js";
import { Player } from "./player.js";

const POLL_MS = 1000;
const CONVERT_MS = 120000;
const DEAF_S = 3; // sound that is so far behind does not come
const FORMATS = [
  ["jsonl", "JSON Lines"], ["csv", "Live Link CSV"], ["glb", "Animated GLB"], ["npz", "NumPy NPZ"], ["bvh", "Bones as BVH"],
  ["vrma", "VRM animation"], ["arkit.vrma", "VRM animation, ARKit names"],
];

/** What a recording holds, where nothing more is ticked, and where something is. */
const ONLY = {
  title: "Record the movements of your face, not your picture",
  text: "Recordings hold the movements of your face, not your picture. They lie on the server's disk until you delete them.",
};
const PLUS = {
  title: "Record the movements of your face, and what is ticked in Takes",
  text: "Recordings lie on the server's disk until you delete them.",
};

/** What there is of a take: its sound and render only where they were recorded. */
const formats = ({ sound, render }) => [
  ...FORMATS,
  ...(render ? [["mp4", sound ? "Render with sound, MP4" : "Render, MP4"]] : []),
  ...(sound ? [["wav", "Sound, WAV"]] : []),
];

const $ = (id) => document.getElementById(id);

export class Recording {
  #notice;
  #session = null;
  /** @type {{began: number, url: string} | null} */
  #running = null;
  #lost = false;
  #timer = 0;
  #state = make("p", { className: "fine" });
  #list = make("ul", { className: "takes" });
  #player = new Player();
  #extras = new Extras(() => this.#show());
  #trouble = make("p", { className: "out-trouble", hidden: true });

  /** @param {import("./status.js").Notice} notice */
  constructor(notice) {
    this.#notice = notice;
    this.#trouble.setAttribute("role", "alert");
    $("takes").append(this.#extras.element, this.#state, this.#trouble, this.#player.element, this.#list);
    $("record").addEventListener("click", () => this.#toggle());
    $("panel-tabs").addEventListener("change", () => {
      if (!this.#opened()) return this.#player.close();
      this.#refresh();
      this.#player.open();
    });
    addEventListener("languagechanged", () => this.#opened() && this.#refresh());
    this.#show();
  }

  /** @param {import("./session.js").Session | null} session that is live now, or null */
  set session(session) {
    this.#session = this.#extras.session = session;
    if (this.#running && this.#running.url !== session?.url) {
      this.#ended();
      this.#open();
      this.#lost = true;
    }
    if (session && this.#lost) {
      this.#lost = false;
      this.#notice.show(tr("The recording ended with the connection. What there was is in Takes."), { warn: true });
    }
    this.#show();
  }

  #opened() { return $("panel-tabs").querySelector("input:checked").value === "takes"; }

  async #toggle() {
    const url = this.#session?.url;
    if (!url) return;
    $("record").disabled = true;
    try {
      if (this.#running) {
        const done = await ask("POST", `${url}/recording`, { action: "stop" });
        this.#ended();
        const lost = done.render?.left_out ?? 0;
        const also = lost ? tr("{n} pictures of the render are missing: the machine was too busy.", { n: lost }) : "";
        this.#notice.show([tr("Recorded {time}. Download it in Takes.", { time: clock(done.seconds) }), also].join(" ").trim());
        this.#open();
      } else {
        await ask("POST", `${url}/recording`, { action: "start", ...this.#extras.wanted });
        this.#running = { began: performance.now(), url };
        this.#timer = setInterval(() => this.#poll(), POLL_MS);
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#notice.show(tr("Not recorded: {why}", { why: why(error) }), { warn: true });
      if (error.code === "not-recording") this.#ended();
    }
    this.#show();
  }

  #ended() {
    clearInterval(this.#timer);
    this.#running = null;
    this.#show();
  }

  /** The server knows best what has been written, and whether the disk still takes it. */
  async #poll() {
    this.#show();
    const { url } = this.#running;
    const now = await ask("GET", `${url}/recording`).catch(() => null);
    if (!now || this.#running?.url !== url) return;
    if (!now.recording) {
      this.#ended();
      if (now.error) this.#notice.show(tr("The recording ended: {why}", { why: why(now.error) }), { warn: true });
      return;
    }
    const bytes = now.bytes + (now.sound?.bytes ?? 0) + (now.render?.bytes ?? 0);
    const deaf = now.sound && now.seconds - now.sound.seconds > DEAF_S && tr("No sound arrives.");
    this.#state.textContent = [tr("Recording: {time}, {size}", { time: clock(now.seconds), size: size(bytes) }), deaf].filter(Boolean).join(" · ");
  }

  #show() {
    const button = $("record"), on = Boolean(this.#running);
    button.disabled = !this.#session;
    this.#extras.recording = on;
    button.setAttribute("aria-pressed", String(on));
    button.querySelector("span").textContent = on ? clock((performance.now() - this.#running.began) / 1000) : tr("Record");
    const { sound, render } = this.#extras.wanted;
    const plain = sound || render ? PLUS : ONLY;
    button.title = tr(on ? "Stop the recording" : plain.title);
    if (!on) this.#state.textContent = tr(plain.text);
  }

  #open() {
    const tab = $("panel-tabs").querySelector("input[value=takes]");
    tab.checked = true;
    tab.dispatchEvent(new Event("change", { bubbles: true }));
  }

  async #refresh() {
    await this.#try(async () => {
      const { takes, folder } = await ask("GET", "api/takes");
      this.#list.replaceChildren(...takes.map((take) => this.#card(take)));
      this.#list.title = folder;
    });
  }

  #try(act) {
    return attempt(this.#trouble, act);
  }

  #card(take) {
    const path = `api/takes/${take.take}`;
    const format = make("select", {}, ...formats(take).map(([value, text]) => make("option", { value }, tr(text))));
    format.setAttribute("aria-label", tr("Format"));
    const get = make("button", { type: "button", className: "small", disabled: take.recording }, tr("Download"));
    get.onclick = () => this.#try(async () => {
      get.disabled = true;
      try {
        const response = await request("GET", `${path}?format=${format.value}`, { timeout: CONVERT_MS });
        save(await response.blob(), response.headers.get("Content-Disposition"), `${take.take}.${format.value}`);
      } finally {
        get.disabled = false;
      }
    });
    const remove = make("button", { type: "button", className: "small", title: tr("Delete"), disabled: take.recording }, "✕");
    remove.setAttribute("aria-label", tr("Delete {name}", { name: take.name }));
    // The first click asks, the second one within three seconds deletes.
    remove.onclick = () => {
      if (remove.dataset.sure) return this.#try(async () => { await ask("DELETE", path); await this.#refresh(); });
      remove.dataset.sure = "yes";
      remove.textContent = tr("Sure?");
      setTimeout(() => { delete remove.dataset.sure; remove.textContent = "✕"; }, 3000);
    };
    const state = take.recording ? tr("being recorded") : take.complete ? "" : tr("interrupted");
    const facts = [clock(take.seconds), size(take.bytes), take.sound && "♪", state].filter(Boolean).join(" · ");
    return make("li", { dataset: { id: take.take } },
      make("div", { className: "take-head" }, make("b", {}, take.name), make("span", {}, facts)),
      make("div", { className: "out-row" }, this.#player.button(take), make("label", { className: "wide" }, format), get, remove));
  }
}

/** @param {Blob} blob @param {string | null} disposition of the response @param {string} fallback */
export function save(blob, disposition, fallback) {
  const link = make("a", { download: disposition?.match(/filename="([^"]+)"/)?.[1] ?? fallback, href: URL.createObjectURL(blob) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 30000);
}

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
