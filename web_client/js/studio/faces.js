/** The photo with the faces that the server found in it: which one is meant, and how it will be cut out. */
import { $, byId } from "../dom.js";
import { make } from "../elements.js";
import { phrase, write } from "../i18n.js";

/** @typedef {import("../types.js").Face} Face */

/** Side of the cut in sides of the face's box. */
const CUT = 1.7;

const frame = $("frame");
const picture = byId("picture", HTMLImageElement);
const crop = byId("crop", HTMLCanvasElement);
const context = /** @type {CanvasRenderingContext2D} */ (crop.getContext("2d"));

export class Faces {
  /** @type {string | null} */
  #url = null;
  /** @type {HTMLButtonElement[]} one for each face */
  #buttons = [];
  /** @type {Face | null} */
  #chosen = null;

  /** The option that says which face is meant; where there is one only, nothing has to be said. @returns {Record<string, string>} */
  get choice() { return this.#chosen && this.#buttons.length > 1 ? { face: String(this.#chosen.number) } : {}; }

  /** Whether another face can be chosen. @param {boolean} on */
  set disabled(on) { for (const button of this.#buttons) button.disabled = on; }

  /** @param {Blob} blob @returns {Promise<void>} resolves when it can be seen; rejects when the browser cannot show it */
  async showPhoto(blob) {
    this.clear();
    this.#url = URL.createObjectURL(blob);
    picture.src = this.#url;
    await picture.decode();
    frame.style.setProperty("--ratio", String(picture.naturalWidth / picture.naturalHeight));
  }

  /** @param {Face[]} faces the largest first */
  showFaces(faces) {
    const count = faces.length;
    this.#buttons = faces.map((face) => this.#button(face, count > 1));
    frame.append(...this.#buttons);
    this.#buttons[0]?.click();
    write($("order-text"), count > 1 ? phrase("order.choose_face", { count }) : phrase("order.found"));
  }

  clear() {
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = null;
    this.#chosen = null;
    picture.removeAttribute("src");
    context.clearRect(0, 0, crop.width, crop.height);
    for (const button of this.#buttons) button.remove();
    this.#buttons = [];
  }

  /** @param {Face} face @param {boolean} numbered */
  #button(face, numbered) {
    const { number, box: [left, top, right, bottom] } = face;
    const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(2)}%`;
    const button = make("button", { type: "button", className: "face", ariaLabel: phrase("order.face", { number }) });
    button.onclick = () => this.#choose(face, button);
    Object.assign(button.style, { left: percent(left), top: percent(top), width: percent(right - left), height: percent(bottom - top) });
    if (numbered) button.append(make("span", {}, String(number)));
    return button;
  }

  /** @param {Face} face @param {HTMLButtonElement} chosen */
  #choose(face, chosen) {
    this.#chosen = face;
    for (const button of this.#buttons) button.setAttribute("aria-pressed", String(button === chosen));
    cut(face.box);
  }
}

/** Shows what the server will see of a face. @param {Face["box"]} box */
function cut([left, top, right, bottom]) {
  const { naturalWidth: width, naturalHeight: height } = picture;
  const side = CUT * Math.max((right - left) * width, (bottom - top) * height);
  const x = ((left + right) * width - side) / 2, y = ((top + bottom) * height - side) / 2 - 0.06 * side; // some forehead
  context.clearRect(0, 0, crop.width, crop.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, x, y, side, side, 0, 0, crop.width, crop.height);
}
