/** What can be downloaded, and the texture laid flat. */
import { ApiError, fetchable, received, release, request } from "../api.js";
import { $, byId, within } from "../dom.js";
import { Emitter } from "../emitter.js";
import { make } from "../elements.js";
import { phrase } from "../i18n.js";
import { TOKEN } from "../token.js";
import { VrmForm } from "./vrm.js";

/** So long the server may take to make the files again, in ms. */
const EDIT_MS = 60000;
/** So long a copy is kept for the browser to save it, in ms. */
const KEPT_MS = 30000;

/** What each file is; those that are not named here are listed by their names alone. */
/** @type {Record<string, import("../types.js").PlainKey>} */
const ABOUT = {
  "head.glb": "file.glb", "head.vrm": "file.vrm", "mesh.obj": "file.obj", "mesh.mtl": "file.mtl", "texture.png": "file.texture",
  "texture_grid.png": "file.texture_grid", "normal.png": "file.normal", "params.npz": "file.params",
  "render.png": "file.render", "structure.png": "file.structure", "report.json": "file.report",
};

/** Tells by `making` and `made` that the files are made again, by `trouble` why they are not. @extends {Emitter<{making: undefined, made: undefined, trouble: ApiError}>} */
export class Files extends Emitter {
  /** @type {string | null} */
  #id = null;
  /** @type {string | null} the job whose map is shown, or will be */
  #shown = null;
  #count = 0;
  #map = within($("uv"), "img", HTMLImageElement);
  #wires = within($("uv"), ".wires", HTMLImageElement);
  #vrm = new VrmForm();
  #edit;
  /** The edit that the files have. */
  #has = "";

  /** @param {() => object} edit what the user has changed of the head now */
  constructor(edit) {
    super();
    this.#edit = edit;
    $("files").after(this.#vrm.element);
  }

  /** The files are those of the edit that is chosen now. @param {string} id of a finished job @param {Record<string, number>} files name -> bytes */
  show(id, files) {
    this.#id = id;
    this.#has = JSON.stringify(this.#edit());
    this.#list(files);
  }

  /** Has the server make the files again, if what the user has changed is not in them. @returns {Promise<boolean>} whether they are good */
  async refresh() {
    const id = this.#id, edit = this.#edit(), wanted = JSON.stringify(edit);
    if (!id || wanted === this.#has) return true;
    this.emit("making", undefined);
    try {
      const response = await request("PUT", `api/jobs/${id}/edit`, { body: wanted, type: "application/json", timeout: EDIT_MS });
      const state = await received(() => response.json());
      if (this.#id !== id) return false;
      this.#has = wanted;
      this.#shown = null;
      this.#list(state.files);
      this.emit("made", undefined);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.emit("trouble", error);
      return false;
    }
  }

  /** @param {Record<string, number>} files name -> bytes */
  #list(files) {
    this.#offer(byId("zip", HTMLAnchorElement), () => `api/jobs/${this.#id}/result`, "face3d-head.zip");
    const known = Object.keys(ABOUT), place = (/** @type {string} */ name) => (known.includes(name) ? known.indexOf(name) : known.length);
    const offered = { ...files, "head.vrm": 0 }; // the server makes it when it is asked for
    const sorted = Object.entries(offered).sort(([a], [b]) => place(a) - place(b));
    $("files").replaceChildren(...sorted.map(([name, bytes]) => this.#item(name, bytes)));
  }

  /** @param {boolean} grid with the wires */
  async showMap(grid) {
    this.#wires.hidden = !grid;
    await this.refresh();
    const id = this.#id;
    if (!id || this.#shown === id) return;
    this.#shown = id;
    const names = ["texture.png", "texture_grid.png"];
    const urls = await Promise.all(names.map((name) => fetchable(this.#path(name)).catch(() => null))); // null: the head is gone
    if (this.#shown !== id) return urls.forEach(release);
    for (const [i, picture] of [this.#map, this.#wires].entries()) {
      const url = urls[i];
      release(picture.getAttribute("src"));
      if (url) picture.src = url.startsWith("blob:") ? url : `${url}?${++this.#count}`; // the same address may have another picture
    }
  }

  clear() {
    this.#id = this.#shown = null;
    for (const picture of [this.#map, this.#wires]) {
      release(picture.getAttribute("src"));
      picture.removeAttribute("src");
    }
    $("files").replaceChildren();
  }

  /** @param {string} name of a file */
  #path(name) { return `api/jobs/${this.#id}/files/${name}`; }

  /** @param {string} name @param {number} bytes 0: not known */
  #item(name, bytes) {
    const about = ABOUT[name];
    const link = make("a", {},
      make("span", { className: "name" }, name),
      make("span", { className: "size" }, bytes ? size(bytes) : ""),
      make("span", { className: "about" }, about ? phrase(about) : ""));
    this.#offer(link, () => this.#path(name) + (name === "head.vrm" ? this.#vrm.query : ""), name);
    return make("li", {}, link);
  }

  /** A link that saves a file as it is now, with the token if there is one. @param {HTMLAnchorElement} link @param {() => string} path @param {string} name */
  #offer(link, path, name) {
    link.href = path();
    link.download = name;
    link.onclick = (event) => {
      link.href = path();
      if (!TOKEN && JSON.stringify(this.#edit()) === this.#has) return;
      event.preventDefault();
      this.refresh().then((good) => (good ? fetchable(path()) : null)).then((url) => {
        if (url) make("a", { href: url, download: name }).click();
        setTimeout(() => release(url), KEPT_MS);
      }, () => {}); // gone: the page says so elsewhere
    };
  }
}

/** @param {number} bytes */
const size = (bytes) => (bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`);
