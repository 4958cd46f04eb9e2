/** The sample: a clip the project rendered itself, played into the same WebRTC path as a camera. */
import { detailed } from "./camera.js";

/** The same clip twice: Firefox without its H264 plug-in, and browsers built without H264, play VP9. */
const CLIPS = { "sample/sample.mp4": 'video/mp4; codecs="avc1.64001E"', "sample/sample.webm": 'video/webm; codecs="vp9"' };

/**
 * @returns {Promise<{stream: MediaStream, stop: () => void}>}
 * @throws {DOMException} when the clip cannot be played or captured
 */
export async function openSample() {
  const video = document.createElement("video");
  Object.assign(video, { muted: true, loop: true, playsInline: true });
  video.append(...Object.entries(CLIPS).map(([src, type]) => Object.assign(document.createElement("source"), { src, type })));
  await video.play();
  const { stream, stop } = capture(video);
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
function capture(video) {
  const direct = video.captureStream ?? video.mozCaptureStream;
  if (direct) return { stream: direct.call(video), stop() {} };
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const context = canvas.getContext("2d", { alpha: false });
  const timer = setInterval(() => context.drawImage(video, 0, 0), 1000 / 30);
  return { stream: canvas.captureStream(30), stop: () => clearInterval(timer) };
}
