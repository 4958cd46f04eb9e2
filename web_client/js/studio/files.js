/** What can be downloaded, and the texture laid flat. */
import { fetchable, release } from "../api.js";
import { $, byId, within } from "../dom.js";
import { make } from "../elements.js";
import { phrase } from "../i18n.js";
import { TOKEN } from "../token.js";

/** So long a copy is kept for the browser to save it, in ms. */
const KEPT_MS = 30000;

/** What each file is; those that are not named here are listed by their names alone. */
/** @type {Record<string, import("../types.js").PlainKey>} */
const ABOUT = {
  "head.glb": "file.glb", "mesh.obj": "file.obj", "mesh.mtl": "file.mtl", "texture.png": "file.texture",
  "texture_grid.png": "file.texture_grid", "normal.png": "file.normal", "params.npz": "file.params",
  "render.png": "file.render", "structure.png": "file.structure", "report.json": "file.report",
};

export class Files {
  /** @type {string | null} */
  #id = null;
  /** @type {string | null} the path of the picture that is shown, or will be */
  #shown = null;
  #map = within($("uv"), "img", HTMLImageElement);

  /** @param {string} id of a finished job @param {Record<string, number>} files name -> bytes */
  show(id, files) {
    this.#id = id;
    offer(byId("zip", HTMLAnchorElement), `api/jobs/${id}/result`, "face3d-head.zip");
    const known = Object.keys(ABOUT), place = (/** @type {string} */ name) => (known.includes(name) ? known.indexOf(name) : known.length);
    const sorted = Object.entries(files).sort(([a], [b]) => place(a) - place(b));
    $("files").replaceChildren(...sorted.map(([name, bytes]) => this.#item(name, bytes)));
  }

  /** @param {boolean} grid with the wires */
  async showMap(grid) {
    const path = this.#path(grid ? "texture_grid.png" : "texture.png");
    if (this.#shown === path) return;
    this.#shown = path;
    const url = await fetchable(path).catch(() => null); // the head is gone: so will be all else that is shown of it
    if (this.#shown !== path) return release(url);
    release(this.#map.getAttribute("src"));
    if (url) this.#map.src = url;
    else this.#shown = null;
  }

  clear() {
    this.#id = this.#shown = null;
    release(this.#map.getAttribute("src"));
    this.#map.removeAttribute("src");
    $("files").replaceChildren();
  }

  /** @param {string} name of a file */
  #path(name) { return `api/jobs/${this.#id}/files/${name}`; }

  /** @param {string} name @param {number} bytes */
  #item(name, bytes) {
    const about = ABOUT[name];
    const link = make("a", {},
      make("span", { className: "name" }, name),
      make("span", { className: "size" }, size(bytes)),
      make("span", { className: "about" }, about ? phrase(about) : ""));
    offer(link, this.#path(name), name);
    return make("li", {}, link);
  }
}

/** A link that saves a file, with the token if there is one. @param {HTMLAnchorElement} link @param {string} path @param {string} name */
function offer(link, path, name) {
  link.href = path;
  link.download = name;
  link.onclick = (event) => {
    if (!TOKEN) return;
    event.preventDefault();
    fetchable(path).then((url) => {
      make("a", { href: url, download: name }).click();
      setTimeout(() => release(url), KEPT_MS);
    }, () => {}); // gone: the page says so elsewhere
  };
}

/** @param {number} bytes */
const size = (bytes) => (bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`);
