/** Avatars from files: dropped on the page or chosen in the Avatar tab, sent again to every new session. */
import { ApiError, ask, received, request, said } from "./api.js";
import { $, byId } from "./dom.js";
import { make } from "./elements.js";
import { Gallery } from "./gallery.js";
import { phrase, write } from "./i18n.js";
import { keep, kept } from "./kept.js";

const MAX_MB = 100;
const SEND_MS = 120000;
const SHAPES = 52;
/** From an avatar's report to its picture in the gallery: until then it has been drawn. */
const DRAWN_MS = 1500;

/**
 * @typedef {import("./types.js").AvatarReport} AvatarReport
 * @typedef {import("./types.js").Wording} Wording
 */

export class Avatars {
  #notice;
  /** Where the session that is live now is on the server. @type {string | null} */
  #url = null;
  /** @type {File | null} what the user chose */
  #file = null;
  /** @type {AvatarReport | null} the server's report of what is shown */
  #report = null;
  /** @type {string | null} */
  #sentTo = null;
  #input = make("input", { type: "file", accept: ".glb,.vrm,.gltf,model/gltf-binary", hidden: true });
  #state = make("p", { className: "fine" });
  #details = make("div", { className: "avatar-report" });
  #gallery = new Gallery((entry) => this.#choose(entry));

  /** @param {import("./status.js").Notice} notice */
  constructor(notice) {
    this.#notice = notice;
    const choose = make("button", { type: "button", className: "small", onclick: () => this.#input.click() }, phrase("avatar.choose"));
    $("avatar-file").append(
      this.#gallery.element, this.#state, make("div", { className: "buttons" }, choose), this.#input, this.#details);
    this.#input.addEventListener("change", () => {
      this.#take(this.#input.files?.[0]);
      this.#input.value = "";
    });
    addEventListener("dragover", (event) => this.#over(event));
    addEventListener("dragleave", (event) => event.relatedTarget || this.#mark(false));
    addEventListener("drop", (event) => this.#drop(event));
    this.#show();
    this.#restore();
  }

  /** What was worn at the last visit. */
  async #restore() {
    await this.#gallery.restore();
    const entry = this.#gallery.find(String(kept("avatar") ?? ""));
    if (entry?.load && !this.#file && !this.#report) await this.#choose(entry);
  }

  /** @param {import("./gallery.js").Entry} entry of the gallery */
  async #choose({ key, load }) {
    if (!load) return this.#takeOff();
    try {
      this.#take(await load(), key);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.#refuse(phrase("error.server_away"));
    }
  }

  /** @param {import("./session.js").Session | null} session that is live now, or null */
  set session(session) {
    this.#url = session?.url ?? null;
    if (this.#url && this.#url !== this.#sentTo) {
      this.#sentTo = this.#url;
      if (this.#file) this.#bring(this.#file, this.#url);
      else this.#ask(this.#url);
    }
    this.#show();
  }

  /** Sends it to a session that does not show it already: one that goes on with another worker does. @param {File} file @param {string} url */
  async #bring(file, url) {
    const there = this.#report && await ask("GET", `${url}/avatar`).then(({ avatar }) => avatar, () => null);
    if (!there || JSON.stringify(there) !== JSON.stringify(this.#report)) await this.#send(file, url);
  }

  /** @param {DragEvent} event */
  #over(event) {
    if (![...event.dataTransfer?.items ?? []].some((item) => item.kind === "file")) return;
    event.preventDefault(); // else the browser opens the file in place of the page
    const photo = [...event.dataTransfer?.items ?? []].some(({ type }) => type.startsWith("image/"));
    this.#mark(true);
    write($("dropping"), phrase(photo ? "avatar.drop_photo" : "avatar.drop_file"));
  }

  /** @param {DragEvent} event */
  #drop(event) {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    this.#mark(false);
    this.#take(event.dataTransfer.files[0]);
  }

  /** @param {boolean} on */
  #mark(on) {
    $("stage").classList.toggle("dropped-over", on);
    $("dropping").hidden = !on;
  }

  /** @param {File | undefined} file @param {string} [key] of the gallery's entry that it is */
  #take(file, key = `file:${file?.name}`) {
    if (!file) return;
    if (!/\.(glb|vrm|gltf)$/i.test(file.name)) return this.#refuse(phrase("avatar.wrong_type"));
    if (file.size > MAX_MB * 1024 * 1024) return this.#refuse(phrase("avatar.too_large", { mb: MAX_MB }));
    this.#file = file;
    this.#gallery.current = key;
    keep("avatar", key);
    if (this.#url) this.#send(file, this.#url);
    else this.#notice.show(phrase("avatar.later", { file: file.name }));
    this.#show();
  }

  /** @param {File} file @param {string} url of the session that shall show it */
  async #send(file, url) {
    this.#notice.show(phrase("avatar.reading", { file: file.name }), { busy: true });
    try {
      const response = await request("POST", `${url}/avatar`, { body: file, type: "model/gltf-binary", timeout: SEND_MS });
      /** @type {{avatar: AvatarReport}} */
      const { avatar } = await received(() => response.json());
      this.#report = avatar;
      this.#notice.show(phrase("avatar.found", { file: file.name, found: avatar.found.length, all: SHAPES }));
      this.#picture(file, url);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#file = null;
      this.#gallery.current = "own";
      keep("avatar", undefined);
      this.#refuse(said(error));
    }
    this.#show();
  }

  /** The user's own file goes to the gallery, and its picture once it is drawn. @param {File} file @param {string} url of the session */
  #picture(file, url) {
    if (!String(kept("avatar")).startsWith("file:")) return;
    const store = () => this.#gallery.keep(file, byId("avatar", HTMLVideoElement));
    store();
    setTimeout(() => { if (this.#file === file && this.#url === url) store(); }, DRAWN_MS);
  }

  /** The server may show an avatar from the start. @param {string} url of the session */
  async #ask(url) {
    try {
      this.#report = (await ask("GET", `${url}/avatar`)).avatar;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // the next session asks again
    }
    this.#show();
  }

  async #takeOff() {
    this.#file = this.#report = null;
    this.#gallery.current = "own";
    keep("avatar", undefined);
    if (this.#url) {
      try {
        await request("DELETE", `${this.#url}/avatar`);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        this.#refuse(said(error));
      }
    }
    this.#show();
  }

  /** @param {Wording} why */
  #refuse(why) { this.#notice.show(why, { warn: true }); }

  #show() {
    const name = this.#file?.name ?? this.#report?.name;
    write(this.#state, name ?? phrase("avatar.drop"));
    this.#details.replaceChildren(...(this.#report ? rows(this.#report) : []));
  }
}

/** @param {AvatarReport} report */
function rows({ found, missing, expressions, bones }) {
  const made = [row(phrase("avatar.shapes"), `${found.length} / ${SHAPES}`)];
  if (expressions.length) made.push(row(phrase("avatar.expressions"), expressions.join(", ")));
  made.push(row(phrase("avatar.bones"), bones.join(", ") || "–"));
  if (missing.length && !expressions.length) {
    const names = make("p", { className: "fine" }, missing.join(", "));
    made.push(make("details", {}, make("summary", {}, phrase("avatar.missing", { n: missing.length })), names));
  }
  return made;
}

/** @param {Wording} name @param {string} value @returns {HTMLElement} */
const row = (name, value) => make("p", { className: "avatar-row" }, make("b", {}, name), ` ${value}`);
