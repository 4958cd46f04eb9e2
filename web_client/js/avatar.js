/** Avatars from files: dropped on the page or chosen in the Avatar tab, sent again to every new session. */
import { ApiError, ask, received, request, said } from "./api.js";
import { $ } from "./dom.js";
import { make } from "./elements.js";
import { phrase, write } from "./i18n.js";
import { withFragment } from "./token.js";

const MAX_MB = 100;
const SEND_MS = 120000;
const SHAPES = 52;

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
  #own = make("button", { type: "button", className: "small", hidden: true, onclick: () => this.#takeOff() }, phrase("avatar.own"));

  /** @param {import("./status.js").Notice} notice */
  constructor(notice) {
    this.#notice = notice;
    const choose = make("button", { type: "button", className: "small", onclick: () => this.#input.click() }, phrase("avatar.choose"));
    const view = new URL(withFragment("view?bg=transparent&ui=0"), location.href).href;
    $("avatar-file").append(
      this.#state, make("div", { className: "buttons" }, choose, this.#own), this.#input, this.#details,
      make("p", { className: "fine avatar-view" }, make("a", { href: view, target: "_blank" }, phrase("avatar.alone"))));
    this.#input.addEventListener("change", () => {
      this.#take(this.#input.files?.[0]);
      this.#input.value = "";
    });
    addEventListener("dragover", (event) => this.#over(event));
    addEventListener("dragleave", (event) => event.relatedTarget || this.#mark(false));
    addEventListener("drop", (event) => this.#drop(event));
    this.#show();
  }

  /** @param {import("./session.js").Session | null} session that is live now, or null */
  set session(session) {
    this.#url = session?.url ?? null;
    if (this.#url && this.#url !== this.#sentTo) {
      this.#sentTo = this.#url;
      if (this.#file) this.#send(this.#file, this.#url);
      else this.#ask(this.#url);
    }
    this.#show();
  }

  /** @param {DragEvent} event */
  #over(event) {
    if (![...event.dataTransfer?.items ?? []].some((item) => item.kind === "file")) return;
    event.preventDefault(); // else the browser opens the file in place of the page
    this.#mark(true);
  }

  /** @param {DragEvent} event */
  #drop(event) {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    this.#mark(false);
    this.#take(event.dataTransfer.files[0]);
  }

  /** @param {boolean} on */
  #mark(on) { $("stage").classList.toggle("dropping", on); }

  /** @param {File | undefined} file */
  #take(file) {
    if (!file) return;
    if (!/\.(glb|vrm|gltf)$/i.test(file.name)) return this.#refuse(phrase("avatar.wrong_type"));
    if (file.size > MAX_MB * 1024 * 1024) return this.#refuse(phrase("avatar.too_large", { mb: MAX_MB }));
    this.#file = file;
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
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#file = null;
      this.#refuse(said(error));
    }
    this.#show();
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
    this.#own.hidden = name === undefined;
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
