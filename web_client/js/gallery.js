/** The avatars to choose from, with pictures: the own head, those that come with the program, those dropped before. */
import { forgetAvatar, storeAvatar, storedAvatars } from "./avatar_store.js";
import { make } from "./elements.js";
import { phrase } from "./i18n.js";

/**
 * @typedef {import("./types.js").PlainKey} PlainKey
 * @typedef {import("./types.js").Wording} Wording
 * @typedef {{key: string, title: Wording, picture: string, load: (() => Promise<File>) | null, own: boolean}} Entry load:
 *   null for the own head; own: the user's file, which can be forgotten
 */

const PICTURE = 128;
/** @type {[key: string, title: PlainKey][]} */
const SHIPPED = [["cartoon", "avatar.fox"]];

/** @type {Entry} */
const OWN = { key: "own", title: phrase("avatar.own"), picture: "avatars/own.jpg", load: null, own: false };

export class Gallery {
  #choose;
  /** @type {Entry[]} */
  #entries = [OWN, ...SHIPPED.map(([key, title]) => shipped(key, title))];
  #current = "own";
  element = make("div", { className: "gallery", role: "group", ariaLabel: phrase("avatar.gallery") });

  /** @param {(entry: Entry) => void} choose called when one is clicked */
  constructor(choose) {
    this.#choose = choose;
    this.#draw();
  }

  /** Reads what this browser keeps. @returns {Promise<void>} */
  async restore() {
    const kept = (await storedAvatars()).map(({ name, file, picture }) => ({
      key: `file:${name}`, title: name, picture: URL.createObjectURL(picture), own: true, load: async () => new File([file], name),
    }));
    for (const { picture, own } of this.#entries) if (own) URL.revokeObjectURL(picture);
    this.#entries = [...this.#entries.filter(({ own }) => !own), ...kept];
    this.#draw();
  }

  /** @param {string} key @returns {Entry | undefined} */
  find(key) { return this.#entries.find((entry) => entry.key === key); }

  /** @param {string} key of the one that is shown now; another than any for one that is not in the gallery */
  set current(key) {
    this.#current = key;
    this.#draw();
  }

  /** @param {File} file that is shown now @param {HTMLVideoElement} video of the avatar, for its picture */
  async keep(file, video) {
    await storeAvatar(file.name, file, await pictureOf(video));
    await this.restore();
  }

  #draw() {
    this.element.replaceChildren(...this.#entries.map((entry) => {
      const picture = make("img", { src: entry.picture, alt: "", width: 64, height: 64 });
      const choice = make("button", { type: "button", onclick: () => this.#choose(entry) }, picture, make("span", {}, entry.title));
      choice.setAttribute("aria-pressed", String(entry.key === this.#current));
      choice.dataset.key = entry.key;
      return entry.own ? make("div", {}, choice, this.#forgetting(entry)) : make("div", {}, choice);
    }));
  }

  /** @param {Entry} entry */
  #forgetting({ key, title }) {
    const name = key.slice("file:".length);
    return make("button", {
      type: "button", className: "forget", title: phrase("avatar.forget"), ariaLabel: phrase("avatar.forget_name", { name: String(title) }),
      onclick: async () => { await forgetAvatar(name); await this.restore(); },
    }, "✕");
  }
}

/** @param {string} key @param {PlainKey} title @returns {Entry} */
function shipped(key, title) {
  const load = async () => {
    const answer = await fetch(`avatars/${key}.glb`);
    return new File([await answer.blob()], `${key}.glb`);
  };
  return { key, title: phrase(title), picture: `avatars/${key}.jpg`, load, own: false };
}

/** @param {HTMLVideoElement | HTMLCanvasElement} source @returns {Promise<Blob>} a small picture of what it shows */
export function pictureOf(source) {
  const canvas = make("canvas", { width: PICTURE, height: PICTURE });
  if (source instanceof HTMLCanvasElement ? source.width : source.videoWidth) canvas.getContext("2d")?.drawImage(source, 0, 0, PICTURE, PICTURE);
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? new Blob()), "image/jpeg", 0.85));
}
