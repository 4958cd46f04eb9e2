/** What can be downloaded, and the texture laid flat. */
import { withToken } from "../api.js";
import { tr } from "../i18n.js";

/** What each file is; those that are not named here are listed by their names alone. */
const ABOUT = {
  "head.glb": "Head, texture and 52 morph targets", "mesh.obj": "Mesh with UVs", "mesh.mtl": "Material of mesh.obj",
  "texture.png": "Skin, transparent where unseen", "texture_grid.png": "Skin under the UV wires",
  "normal.png": "Normal map", "params.npz": "All codes as numbers", "render.png": "Picture of the head",
  "structure.png": "Shaded geometry", "report.json": "Timings and warnings",
};

const $ = (id) => document.getElementById(id);

export class Files {
  #id = null;

  /** @param {string} id of a finished job @param {Record<string, number>} files name -> bytes */
  show(id, files) {
    this.#id = id;
    $("zip").href = withToken(`api/jobs/${id}/result`);
    const names = [...Object.keys(ABOUT).filter((name) => name in files), ...Object.keys(files).filter((name) => !(name in ABOUT))];
    $("files").replaceChildren(...names.map((name) => this.#item(name, files[name])));
  }

  /** @param {boolean} grid with the wires */
  showMap(grid) {
    const url = withToken(`api/jobs/${this.#id}/files/${grid ? "texture_grid.png" : "texture.png"}`);
    const image = $("uv").querySelector("img");
    if (image.getAttribute("src") !== url) image.src = url;
  }

  clear() {
    this.#id = null;
    $("uv").querySelector("img").removeAttribute("src");
    $("files").replaceChildren();
  }

  #item(name, bytes) {
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = withToken(`api/jobs/${this.#id}/files/${name}`);
    link.download = name;
    link.append(span("name", name), span("size", size(bytes)), span("about", ABOUT[name] ? tr(ABOUT[name]) : ""));
    item.append(link);
    return item;
  }
}

const span = (className, text) => Object.assign(document.createElement("span"), { className, textContent: text });

const size = (bytes) => (bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`);
