/** The own camera, and what can go wrong with it. */

/** @typedef {"denied" | "missing" | "busy" | "insecure" | "other"} Trouble */

/** @returns {Promise<MediaStream>} @throws {DOMException} */
export async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("", "SecurityError");
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30, max: 30 }, facingMode: "user" },
  });
  return detailed(stream);
}

/** Asks the encoder to keep the pixels rather than the frame rate. @param {MediaStream} stream */
export function detailed(stream) {
  for (const track of stream.getVideoTracks()) track.contentHint = "detail";
  return stream;
}

/** @param {DOMException} error @returns {Trouble} */
export function cameraTrouble(error) {
  switch (error.name) {
    case "NotAllowedError": return "denied";
    case "NotFoundError":
    case "OverconstrainedError": return "missing";
    case "NotReadableError":
    case "AbortError": return "busy";
    case "SecurityError": return "insecure";
    default: return "other";
  }
}
