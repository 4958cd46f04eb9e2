/** The own camera, and what can go wrong with it. */
import { phrase } from "./i18n.js";
import { kept } from "./kept.js";

/**
 * @typedef {import("./types.js").Trouble} Trouble
 * @typedef {import("./types.js").PlainKey} PlainKey
 */

/** What is wrong and what to do, by kind; the cure where a sample can be played instead, and where a photo can be chosen. */
/** @type {Record<"denied" | "missing" | "busy" | "insecure", {title: PlainKey, sample: PlainKey, photo: PlainKey}>} */
const TROUBLES = {
  denied: { title: "camera.denied", sample: "camera.denied_cure", photo: "camera.denied_cure" },
  missing: { title: "camera.missing", sample: "camera.missing_cure", photo: "camera.missing_cure_photo" },
  busy: { title: "camera.busy", sample: "camera.busy_cure", photo: "camera.busy_cure" },
  insecure: { title: "camera.insecure", sample: "camera.insecure_cure", photo: "camera.insecure_cure_photo" },
};

/**
 * Of the camera that was chosen, if it is there, else of another.
 *
 * @param {number} most frames a second, unless another rate was chosen @returns {Promise<MediaStream>} @throws {DOMException}
 */
export async function openCamera(most) {
  const [width = 640, height = 480] = String(kept("resolution") ?? "").split("x").map(Number).filter((side) => side > 0);
  const rate = Number(kept("rate")) || most, deviceId = kept("camera");
  const which = deviceId ? { deviceId: { ideal: deviceId } } : { facingMode: "user" };
  const video = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: rate, max: rate }, ...which };
  return detailed(await openDevices({ audio: false, video }));
}

/** @param {MediaStreamConstraints} wanted @returns {Promise<MediaStream>} @throws {DOMException} also where pages get no devices */
export async function openDevices(wanted) {
  // Against its type, `mediaDevices` is missing in pages that are neither at localhost nor over https.
  const devices = /** @type {MediaDevices | undefined} */ (navigator.mediaDevices);
  if (!devices) throw new DOMException("", "SecurityError");
  return devices.getUserMedia(wanted);
}

/** Asks the encoder to keep the pixels rather than the frame rate. @param {MediaStream} stream */
export function detailed(stream) {
  for (const track of stream.getVideoTracks()) track.contentHint = "detail";
  return stream;
}

/** @param {DOMException} error @param {"sample" | "photo"} instead what the page offers without a camera @returns {Trouble} */
export function cameraTrouble(error, instead) {
  const kind = kindOf(error);
  if (kind === null) return [phrase("camera.other"), error.message];
  return [phrase(TROUBLES[kind].title), phrase(TROUBLES[kind][instead])];
}

/** @param {DOMException} error */
function kindOf({ name }) {
  switch (name) {
    case "NotAllowedError": return "denied";
    case "NotFoundError":
    case "OverconstrainedError": return "missing";
    case "NotReadableError":
    case "AbortError": return "busy";
    case "SecurityError": return "insecure";
    default: return null;
  }
}
