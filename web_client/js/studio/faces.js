/** The photo with the faces that the server found in it: which one is meant, and how it will be cut out. */
import { tr } from "../i18n.js";

/** Side of the cut in sides of the face's box. */
const CUT = 1.7;

const $ = (id) => document.getElementById(id);

export class Faces {
  #url = null;
  #faces = [];
  #chosen = 0;

  /** The option that says which face is meant; where there is one only, nothing has to be said. */
  get choice() { return this.#faces.length > 1 ? { face: String(this.#faces[this.#chosen].number) } : {}; }

  /** @param {Blob} blob @returns {Promise<void>} resolves when it can be seen; rejects when the browser cannot show it */
  async showPhoto(blob) {
    this.clear();
    this.#url = URL.createObjectURL(blob);
    const picture = $("picture");
    picture.src = this.#url;
    await picture.decode();
    $("frame").style.setProperty("--ratio", picture.naturalWidth / picture.naturalHeight);
  }

  /** @param {{number: number, box: number[]}[]} faces box: x0, y0, x1, y1 in 0..1 of the upright photo; the largest first */
  showFaces(faces) {
    this.#faces = faces;
    for (const [i, face] of faces.entries()) $("frame").append(this.#button(face, i));
    this.#choose(0);
    this.tell();
  }

  /** The sentence beside the cut, in the page's language. */
  tell() {
    const count = this.#faces.length;
    $("order-text").textContent = count > 1 ? tr("{count} faces: choose one in the photo.", { count }) : tr("Found in your photo.");
    for (const [i, button] of this.#buttons()) button.setAttribute("aria-label", tr("Face {number}", { number: this.#faces[i].number }));
  }

  clear() {
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = null;
    this.#faces = [];
    $("picture").removeAttribute("src");
    $("crop").getContext("2d").clearRect(0, 0, $("crop").width, $("crop").height);
    for (const [, button] of this.#buttons()) button.remove();
  }

  #buttons() { return [...$("frame").querySelectorAll("button")].entries(); }

  #button({ box: [left, top, right, bottom] }, i) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "face";
    const percent = (share) => `${(100 * share).toFixed(2)}%`;
    Object.assign(button.style, { left: percent(left), top: percent(top), width: percent(right - left), height: percent(bottom - top) });
    if (this.#faces.length > 1) button.append(Object.assign(document.createElement("span"), { textContent: this.#faces[i].number }));
    button.addEventListener("click", () => this.#choose(i));
    return button;
  }

  #choose(i) {
    this.#chosen = i;
    for (const [j, button] of this.#buttons()) button.setAttribute("aria-pressed", String(i === j));
    this.#cut(this.#faces[i].box);
  }

  #cut([left, top, right, bottom]) {
    const picture = $("picture"), canvas = $("crop"), context = canvas.getContext("2d");
    const { naturalWidth: width, naturalHeight: height } = picture;
    const side = CUT * Math.max((right - left) * width, (bottom - top) * height);
    const x = ((left + right) * width - side) / 2, y = ((top + bottom) * height - side) / 2 - 0.06 * side; // some forehead
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, x, y, side, side, 0, 0, canvas.width, canvas.height);
  }
}
