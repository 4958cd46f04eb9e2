/** The picture behind the avatar in /view?bg=image: chosen in the card for OBS, kept in this browser alone. */
import { attempted, done, store } from "./database.js";

/** Longest side that is kept, pixels. */
const MOST = 1920;
const QUALITY = 0.9;
const KEY = "view";

/** @returns {Promise<Blob | null>} */
export const storedBackdrop = () => attempted(async () => (await done((await store("backdrops", "readonly")).get(KEY))) ?? null, null);

/** Keeps a picture, at most `MOST` pixels wide or high. @param {Blob} file @returns {Promise<Blob | null>} null: it is none, or cannot be kept */
export const storeBackdrop = (file) => attempted(async () => {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, MOST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  const blob = await new Promise((/** @type {(blob: Blob | null) => void} */ resolve) => canvas.toBlob(resolve, "image/webp", QUALITY));
  if (blob) await done((await store("backdrops", "readwrite")).put(blob, KEY));
  return blob;
}, null);

/** @param {string} url of a picture @returns {string} a CSS background that it fills */
export const covering = (url) => `url("${url}") center / cover no-repeat`;
