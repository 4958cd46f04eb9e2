/** The sample: a clip the project rendered itself, played into the same WebRTC path as a camera. */
import { detailed } from "./camera.js";
import { make } from "./elements.js";
import { kept } from "./kept.js";

/** The same clip twice: Firefox without its H264 plug-in, and browsers built without H264, play VP9. */
const CLIPS = { "sample/sample.mp4": 'video/mp4; codecs="avc1.64001E"', "sample/sample.webm": 'video/webm; codecs="vp9"' };
const FPS = 30;

/**
 * @typedef {{stream: MediaStream, stop: () => void}} Source
 * @typedef {HTMLVideoElement & {captureStream?: () => MediaStream, mozCaptureStream?: () => MediaStream}} CapturingVideo
 */

/** @returns {Promise<Source>} @throws {DOMException} when the clip cannot be played or captured */
export async function openSample() {
  const video = make("video", { muted: true, loop: true, playsInline: true });
  video.append(...Object.entries(CLIPS).map(([src, type]) => make("source", { src, type })));
  await video.play();
  const { stream, stop } = capture(video);
  const rate = Number(kept("rate"));
  if (rate) await Promise.all(stream.getVideoTracks().map((track) => track.applyConstraints({ frameRate: { max: rate } }).catch(() => {})));
  return {
    stream: detailed(stream),
    stop() {
      stop();
      video.pause();
      video.replaceChildren();
      video.load();
    },
  };
}

/** The element's own capture where the browser has it (Chrome, Edge, Firefox), else through a canvas (Safari). */
/** @param {CapturingVideo} video @returns {Source} */
function capture(video) {
  const direct = video.captureStream ?? video.mozCaptureStream;
  if (direct) return { stream: direct.call(video), stop() {} };
  const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
  const context = canvas.getContext("2d", { alpha: false });
  if (!context) throw new DOMException("", "NotSupportedError");
  const timer = setInterval(() => context.drawImage(video, 0, 0), 1000 / FPS);
  return { stream: canvas.captureStream(FPS), stop: () => clearInterval(timer) };
}
