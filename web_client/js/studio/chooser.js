/** Ways for a photo to come in: the file dialog, drop, paste, the camera. What is plainly no photo ends here. */
import { cameraTrouble, openDevices } from "../camera.js";
import { button, byId } from "../dom.js";
import { Emitter } from "../emitter.js";
import { phrase } from "../i18n.js";

/**
 * @typedef {import("../types.js").Trouble} Trouble
 * @typedef {import("../types.js").Wording} Wording
 * @typedef {{blob: Blob, remark: Wording}} Chosen
 */

const TYPES = ["image/jpeg", "image/png", "image/webp"];
const MB = 1024 * 1024;
const ENOUGH_MB = 5;
const LIMIT_MB = 20; // the server's
const JPEG_QUALITY = 0.95;

const finder = byId("finder", HTMLVideoElement);

/** @extends {Emitter<{photo: Chosen, refused: Trouble, camera: "asking" | "on" | "off"}>} */
export class Chooser extends Emitter {
  /** @type {MediaStream | null} */
  #stream = null;
  /** Counts the openings and closings of the camera, so that one that is opened too late is not used. */
  #turn = 0;

  constructor() {
    super();
    const input = byId("file", HTMLInputElement);
    for (const id of ["choose", "another"]) button(id).addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.#offer(input.files?.[0]);
      input.value = ""; // the same file may be chosen again
    });
    button("camera").addEventListener("click", () => this.#open());
    button("shutter").addEventListener("click", () => this.#shoot());
    button("cancel-camera").addEventListener("click", () => this.close());
    this.#takeDrops();
    addEventListener("paste", (event) => this.#offer(event.clipboardData?.files[0]));
    addEventListener("pagehide", () => this.close());
  }

  /** Whether photos are taken now. */
  get open() { return document.body.dataset.state !== "running"; }

  /** Ends the camera. */
  close() {
    this.#turn++;
    if (!this.#stream) return;
    stop(this.#stream);
    this.#stream = finder.srcObject = null;
    this.emit("camera", "off");
  }

  #takeDrops() {
    /** @param {DragEvent} event @returns {DataTransfer | null} */
    const files = ({ dataTransfer }) => (dataTransfer?.types.includes("Files") ? dataTransfer : null);
    const mark = (/** @type {boolean} */ on) => document.body.classList.toggle("drop", on);
    addEventListener("dragover", (event) => {
      const dragged = files(event);
      if (!dragged) return;
      event.preventDefault(); // else the browser leaves the page for the photo
      dragged.dropEffect = this.open ? "copy" : "none";
      mark(this.open);
    });
    addEventListener("dragleave", (event) => !event.relatedTarget && mark(false));
    addEventListener("drop", (event) => {
      const dropped = files(event);
      if (!dropped) return;
      event.preventDefault();
      mark(false);
      this.#offer(dropped.files[0]);
    });
  }

  /** @param {File | undefined} file */
  #offer(file) {
    if (!file || !this.open) return;
    this.close();
    const size = (file.size / MB).toFixed(1);
    if (!TYPES.includes(file.type)) {
      this.emit("refused", [phrase("photo.wrong_type"), phrase("photo.wrong_type_cure")]);
    } else if (file.size === 0) {
      this.emit("refused", [phrase("photo.empty"), phrase("photo.empty_cure")]);
    } else if (file.size > LIMIT_MB * MB) {
      this.emit("refused", [phrase("photo.too_large"), phrase("photo.too_large_cure", { size, limit: LIMIT_MB })]);
    } else {
      this.emit("photo", { blob: file, remark: file.size > ENOUGH_MB * MB ? phrase("photo.large", { size }) : "" });
    }
  }

  async #open() {
    const mine = ++this.#turn;
    this.emit("camera", "asking");
    try {
      const video = { width: { ideal: 1920 }, height: { ideal: 1080 }, facingMode: "user" };
      const stream = await openDevices({ audio: false, video });
      if (mine !== this.#turn) return stop(stream); // asked for again, or a photo was chosen meanwhile
      this.#stream = finder.srcObject = stream;
      this.emit("camera", "on");
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      if (mine !== this.#turn) return;
      this.emit("camera", "off");
      this.emit("refused", cameraTrouble(error, "photo"));
    }
  }

  /** What the camera sees: the preview is mirrored, the photo is not. */
  async #shoot() {
    if (!finder.videoWidth) return;
    const canvas = new OffscreenCanvas(finder.videoWidth, finder.videoHeight);
    canvas.getContext("2d")?.drawImage(finder, 0, 0);
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY });
    this.close();
    this.emit("photo", { blob, remark: "" });
  }
}

/** @param {MediaStream} stream */
function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}
