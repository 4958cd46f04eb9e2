/** Every sentence the scripts show, in the page's language. The words that never change are in index.html. */
import { tr, translated } from "./i18n.js";

export const STRINGS = translated({
  asking: "Waiting for your permission to use the camera…",
  connecting: "Connecting…",
  firstFrame: "Connected. Waiting for the first picture…",
  reconnecting: "Connection lost. Connecting again…",
  tryingIn: (seconds) => tr("Trying again in {seconds} s…", { seconds }),
  serverAway: "The server is not answering.",
  sessionGone: "The server has ended this session.",
  connectionLost: "The connection to the server was lost.",
  stalled: "No pictures arrive from the server.",
  noMedia: "The video connection could not be made.",
  back: "Connected again.",
  noFace: "No face in the picture. Come closer, or turn on a light.",
  faceSeen: "Face",
  faceUnseen: "No face",
  faceUnknown: "–",

  snapshotTaking: "Taking a snapshot…",
  snapshotDone: (file) => tr("Saved as {file}.", { file }),
  snapshotFailed: (why) => tr("No snapshot: {why}", { why }),
  httpError: (status) => tr("The server answered with error {status}.", { status }),
  timeout: "The server took too long to answer.",

  trouble: {
    denied: ["The camera is blocked", "Your browser did not let this page use the camera. Allow it next to the address, then try again."],
    missing: ["No camera found", "Plug in a camera and try again, or watch the sample: a rendered face takes the place of yours."],
    busy: ["The camera is in use", "Another program seems to hold the camera. Close it and try again."],
    insecure: ["The camera needs a safe address", "Browsers give the camera only to pages at localhost or over https. Open the page there, or watch the sample."],
    sample: ["The sample does not play", "This browser cannot play or capture the sample clip. A current Chrome, Edge, Firefox or Safari can."],
    token: ["This server wants its token", "Open the page with the address that the server printed when it started; it ends in ?token=…"],
    codec: ["This browser has no video codec in common with the server", "It offers neither H264 nor VP8. A current Chrome, Edge, Firefox or Safari does."],
    stopped: ["The camera has stopped", "The camera was unplugged or taken away."],
    refused: (message) => [tr("The server refuses this page"), message],
    webrtc: ["This browser has no WebRTC", "A current Chrome, Edge, Firefox or Safari can show the avatar."],
    other: (message) => [tr("The camera did not start"), message],
  },
  tryAgain: "Try again",
});
