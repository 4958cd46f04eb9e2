/** Ways for a photo to come in: the file dialog, drop, paste, the camera. What is plainly no photo ends here. */
import { cameraTrouble } from "../camera.js";
import { tr } from "../i18n.js";

const TYPES = ["image/jpeg", "image/png", "image/webp"];
const MB = 1024 * 1024;
const ENOUGH_MB = 5;
const LIMIT_MB = 20; // the server's
const JPEG_QUALITY = 0.95;

const $ = (id) => document.getElementById(id);

/** Tells by `photo` (detail: {blob, remark}), `refused` (detail: [title, cure]) and `camera` (detail: "on" | "off"). */
export class Chooser extends EventTarget {
  #stream = null;

  constructor() {
    super();
    for (const id of ["choose", "another"]) $(id).addEventListener("click", () => $("file").click());
    $("file").addEventListener("change", () => {
      this.#offer($("file").files[0]);
      $("file").value = ""; // the same file may be chosen again
    });
    $("camera").addEventListener("click", () => this.#open());
    $("shutter").addEventListener("click", () => this.#shoot());
    $("cancel-camera").addEventListener("click", () => this.close());
    this.#takeDrops();
    addEventListener("paste", (event) => this.#offer(event.clipboardData.files[0]));
    addEventListener("pagehide", () => this.close());
  }

  /** Whether photos are taken now. */
  get open() { return document.body.dataset.state !== "running"; }

  /** Ends the camera. */
  close() {
    if (!this.#stream) return;
    for (const track of this.#stream.getTracks()) track.stop();
    this.#stream = $("finder").srcObject = null;
    this.#tell("camera", "off");
  }

  #takeDrops() {
    const files = (event) => event.dataTransfer?.types.includes("Files");
    const mark = (on) => document.body.classList.toggle("drop", on);
    addEventListener("dragover", (event) => {
      if (!files(event)) return;
      event.preventDefault(); // else the browser leaves the page for the photo
      event.dataTransfer.dropEffect = this.open ? "copy" : "none";
      mark(this.open);
    });
    addEventListener("dragleave", (event) => !event.relatedTarget && mark(false));
    addEventListener("drop", (event) => {
      if (!files(event)) return;
      event.preventDefault();
      mark(false);
      this.#offer(event.dataTransfer.files[0]);
    });
  }

  /** @param {File | undefined} file */
  #offer(file) {
    if (!file || !this.open) return;
    this.close();
    const size = (file.size / MB).toFixed(1);
    if (!TYPES.includes(file.type)) {
      this.#refuse("This type of file is not supported", "Give a JPEG, PNG or WebP photo. Phones can save HEIC pictures as JPEG when they share them.");
    } else if (file.size === 0) {
      this.#refuse("The file is empty", "Choose it again, or another one.");
    } else if (file.size > LIMIT_MB * MB) {
      this.#refuse("The file is too large", "{size} MB are more than the {limit} MB that the server takes. Save the photo smaller; 2048 pixels are enough.", { size, limit: LIMIT_MB });
    } else {
      const remark = file.size > ENOUGH_MB * MB ? tr("This photo has {size} MB. A smaller one is enough: details beyond 2048 pixels are not used. Going on…", { size }) : "";
      this.#tell("photo", { blob: file, remark });
    }
  }

  async #open() {
    this.#tell("camera", "asking");
    try {
      if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("", "SecurityError");
      const video = { width: { ideal: 1920 }, height: { ideal: 1080 }, facingMode: "user" };
      this.#stream = await navigator.mediaDevices.getUserMedia({ audio: false, video });
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      this.#tell("camera", "off");
      return this.#refuse(...CAMERA[cameraTrouble(error)] ?? ["The camera did not start", error.message]);
    }
    $("finder").srcObject = this.#stream;
    this.#tell("camera", "on");
  }

  /** What the camera sees: the preview is mirrored, the photo is not. */
  async #shoot() {
    const video = $("finder");
    if (!video.videoWidth) return;
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext("2d").drawImage(video, 0, 0);
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY });
    this.close();
    this.#tell("photo", { blob, remark: "" });
  }

  #refuse(title, cure, values = {}) { this.#tell("refused", [tr(title), tr(cure, values)]); }

  #tell(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}

const CAMERA = {
  denied: ["The camera is blocked", "Your browser did not let this page use the camera. Allow it next to the address, then try again."],
  missing: ["No camera found", "Plug in a camera and try again, or choose a photo."],
  busy: ["The camera is in use", "Another program seems to hold the camera. Close it and try again."],
  insecure: ["The camera needs a safe address", "Browsers give the camera only to pages at localhost or over https. Choose a photo instead, or open the page there."],
};
