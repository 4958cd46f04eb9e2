/** Avatars from files: dropped on the page or chosen in the Avatar tab, sent again to every new session. */
import { ApiError, request } from "./api.js";
import { make, said } from "./elements.js";
import { tr } from "./i18n.js";

const MAX_BYTES = 100 * 1024 * 1024;
const SEND_MS = 120000;
const SHAPES = 52;

const $ = (id) => document.getElementById(id);

export class Avatars {
  #notice;
  #session = null;
  /** @type {File | null} what the user chose */
  #file = null;
  /** @type {object | null} the server's report of what is shown */
  #report = null;
  #sentTo = "";
  #input = make("input", { type: "file", accept: ".glb,.vrm,.gltf,model/gltf-binary", hidden: true });
  #state = make("p", { className: "fine" });
  #details = make("div", { className: "avatar-report" });
  #choose = make("button", { type: "button", className: "small" });
  #own = make("button", { type: "button", className: "small", hidden: true });
  #view = make("p", { className: "fine avatar-view" });

  /** @param {import("./status.js").Notice} notice */
  constructor(notice) {
    this.#notice = notice;
    const tools = make("div", { className: "avatar-tools" }, this.#choose, this.#own);
    $("avatar-file").append(this.#state, tools, this.#input, this.#details, this.#view);
    this.#choose.addEventListener("click", () => this.#input.click());
    this.#input.addEventListener("change", () => {
      this.#take(this.#input.files[0]);
      this.#input.value = "";
    });
    this.#own.addEventListener("click", () => this.#takeOff());
    addEventListener("dragover", (event) => this.#over(event));
    addEventListener("dragleave", (event) => event.relatedTarget || this.#mark(false));
    addEventListener("drop", (event) => this.#drop(event));
    addEventListener("languagechanged", () => this.#show());
    this.#show();
  }

  /** @param {import("./session.js").Session | null} session that is live now, or null */
  set session(session) {
    this.#session = session;
    if (session && session.url !== this.#sentTo) {
      this.#sentTo = session.url;
      if (this.#file) this.#send();
      else this.#ask();
    }
    this.#show();
  }

  #over(event) {
    if (![...event.dataTransfer.items].some((item) => item.kind === "file")) return;
    event.preventDefault(); // else the browser opens the file in place of the page
    this.#mark(true);
  }

  #drop(event) {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    this.#mark(false);
    this.#take(event.dataTransfer.files[0]);
  }

  #mark(on) { $("stage").classList.toggle("dropping", on); }

  /** @param {File | undefined} file */
  #take(file) {
    if (!file) return;
    if (!/\.(glb|vrm|gltf)$/i.test(file.name)) return this.#refuse(tr("An avatar is a .glb or .vrm file."));
    if (file.size > MAX_BYTES) return this.#refuse(tr("An avatar has at most {mb} MB.", { mb: 100 }));
    this.#file = file;
    if (this.#session) this.#send();
    else this.#notice.show(tr("{file} is shown when the camera starts.", { file: file.name }));
    this.#show();
  }

  async #send() {
    const file = this.#file, url = this.#session.url;
    this.#notice.show(tr("Reading {file}…", { file: file.name }), { busy: true });
    try {
      const response = await request("POST", `${url}/avatar`, { body: file, type: "model/gltf-binary", timeout: SEND_MS });
      this.#report = (await response.json()).avatar;
      const values = { file: file.name, found: this.#report.found.length, all: SHAPES };
      this.#notice.show(tr("{file}: {found} of {all} shapes found.", values));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#file = null;
      this.#refuse(said(error));
    }
    this.#show();
  }

  /** The server may show an avatar from the start. */
  async #ask() {
    try {
      this.#report = (await (await request("GET", `${this.#sentTo}/avatar`)).json()).avatar;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // the next session asks again
    }
    this.#show();
  }

  async #takeOff() {
    this.#file = this.#report = null;
    if (this.#session) {
      try {
        await request("DELETE", `${this.#session.url}/avatar`);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        this.#refuse(said(error));
      }
    }
    this.#show();
  }

  #refuse(why) { this.#notice.show(why, { warn: true }); }

  #show() {
    const report = this.#report, shown = report ?? this.#file;
    this.#choose.textContent = tr("Choose a file");
    this.#own.textContent = tr("Own head");
    this.#own.hidden = !shown;
    this.#state.textContent = shown
      ? this.#file?.name ?? report.name
      : tr("Drop a .glb with ARKit shape names or a .vrm on the picture, and it moves instead of your own head.");
    this.#details.replaceChildren(...(report ? this.#rows(report) : []));
    const view = new URL("view?bg=transparent&ui=0", location.href);
    const token = new URLSearchParams(location.search).get("token");
    if (token) view.searchParams.set("token", token);
    const link = make("a", { href: view.href, target: "_blank", textContent: tr("Avatar alone, for OBS") });
    this.#view.replaceChildren(link);
  }

  #rows(report) {
    const rows = [this.#row(tr("Shapes"), `${report.found.length} / ${SHAPES}`)];
    if (report.expressions.length) rows.push(this.#row(tr("VRM expressions"), report.expressions.join(", ")));
    rows.push(this.#row(tr("Bones"), report.bones.join(", ") || "–"));
    if (report.missing.length && !report.expressions.length) {
      const names = make("p", { className: "fine", textContent: report.missing.join(", ") });
      rows.push(make("details", {}, make("summary", { textContent: tr("Missing: {n}", { n: report.missing.length }) }), names));
    }
    return rows;
  }

  #row(name, value) { return make("p", { className: "avatar-row" }, make("b", { textContent: name }), ` ${value}`); }
}
