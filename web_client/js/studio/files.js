/** What can be downloaded, and the texture laid flat. */
import { withToken } from "../api.js";
import { $, byId, within } from "../dom.js";
import { make } from "../elements.js";
import { phrase } from "../i18n.js";

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
  #map = within($("uv"), "img", HTMLImageElement);

  /** @param {string} id of a finished job @param {Record<string, number>} files name -> bytes */
  show(id, files) {
    this.#id = id;
    byId("zip", HTMLAnchorElement).href = withToken(`api/jobs/${id}/result`);
    const known = Object.keys(ABOUT), place = (/** @type {string} */ name) => (known.includes(name) ? known.indexOf(name) : known.length);
    const sorted = Object.entries(files).sort(([a], [b]) => place(a) - place(b));
    $("files").replaceChildren(...sorted.map(([name, bytes]) => this.#item(name, bytes)));
  }

  /** @param {boolean} grid with the wires */
  showMap(grid) {
    const url = this.#url(grid ? "texture_grid.png" : "texture.png");
    if (this.#map.getAttribute("src") !== url) this.#map.src = url;
  }

  clear() {
    this.#id = null;
    this.#map.removeAttribute("src");
    $("files").replaceChildren();
  }

  /** @param {string} name of a file */
  #url(name) { return withToken(`api/jobs/${this.#id}/files/${name}`); }

  /** @param {string} name @param {number} bytes */
  #item(name, bytes) {
    const about = ABOUT[name];
    return make("li", {}, make("a", { href: this.#url(name), download: name },
      make("span", { className: "name" }, name),
      make("span", { className: "size" }, size(bytes)),
      make("span", { className: "about" }, about ? phrase(about) : "")));
  }
}

/** @param {number} bytes */
const size = (bytes) => (bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`);
