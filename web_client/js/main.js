/** Wires the page: buttons, camera or sample, session, stage, bars, readings. */
import { ApiError, request } from "./api.js";
import { Avatars } from "./avatar.js";
import { Bars } from "./bars.js";
import { Calibration } from "./calibrate.js";
import { cameraTrouble, openCamera } from "./camera.js";
import { why } from "./elements.js";
import { tr } from "./i18n.js";
import { Recording } from "./record.js";
import { openSample } from "./sample.js";
import { Session } from "./session.js";
import { Stage } from "./stage.js";
import { Notice, Readings } from "./status.js";
import { STRINGS } from "./strings.js";

const NO_FACE_MS = 4000;
const LOADING_MS = 6000;

const $ = (id) => document.getElementById(id);
const bars = new Bars($("bars"));
const stage = new Stage($("view"));
const notice = new Notice();
const avatars = new Avatars(notice);
const readings = new Readings();
const recording = new Recording(notice);
const calibration = new Calibration(notice);

/** What the card says before anything went wrong, from the page itself. */
const WELCOME = [$("card-title").textContent, $("card-text").textContent];
const START = $("start").textContent;

/** @type {{session: Session, stop: () => void} | null} what runs now */
let running = null;
let wasLive = false;
let lastFace = Infinity;
/** @type {string | null | undefined} what to say at the first frame, null: nothing, undefined: said */
let greeting;
/** Whether a message about a frame has come in this connection. */
let heard = false;

function setState(state) {
  document.body.dataset.state = state;
  $("snapshot").disabled = state !== "live";
  recording.session = calibration.session = state === "live" ? running.session : null;
  $("stop").disabled = state === "idle";
  avatars.session = state === "live" ? running.session : null;
  $("view").tabIndex = state === "live" ? 0 : -1;
}

/** Back to the card, with what went wrong on it. @param {[string, string]} [trouble] title and text */
function idle(trouble) {
  running?.stop();
  running = null;
  forgetSnapshot();
  wasLive = false;
  $("camera").srcObject = $("avatar").srcObject = null;
  bars.clear();
  readings.clear();
  notice.hide();
  setState("idle");
  $("card").classList.toggle("trouble", Boolean(trouble));
  [$("card-title").textContent, $("card-text").textContent] = trouble ?? WELCOME.map((text) => tr(text));
  $("start").textContent = trouble ? STRINGS.tryAgain : tr(START);
  $("card-fine").hidden = Boolean(trouble);
  $(trouble ? "card-title" : "start").focus({ preventScroll: true }); // a screen reader then reads the trouble
}

async function startCamera() {
  document.body.dataset.source = "camera";
  setState("starting");
  notice.show(STRINGS.asking, { busy: true });
  try {
    start(await openCamera(), () => {});
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    const kind = cameraTrouble(error);
    idle(kind === "other" ? STRINGS.trouble.other(error.message) : STRINGS.trouble[kind]);
  }
}

async function startSample() {
  document.body.dataset.source = "sample";
  setState("starting");
  notice.show(STRINGS.connecting, { busy: true });
  try {
    const { stream, stop } = await openSample();
    start(stream, stop);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    idle(STRINGS.trouble.sample);
  }
}

/** @param {MediaStream} stream what the server shall see @param {() => void} release ends its source */
function start(stream, release) {
  if (!globalThis.RTCPeerConnection) return idle(STRINGS.trouble.webrtc);
  if (document.body.dataset.state !== "starting") return release(); // stopped while the browser asked
  const session = new Session(stream);
  const [track] = stream.getVideoTracks();
  track.addEventListener("ended", () => idle(STRINGS.trouble.stopped));
  running = { session, stop() { session.stop(); track.stop(); release(); } };
  $("camera").srcObject = stream;
  session.addEventListener("state", ({ detail }) => running?.session === session && onState(detail));
  session.addEventListener("stream", ({ detail }) => { $("avatar").srcObject = detail; });
  session.addEventListener("message", ({ detail }) => running?.session === session && onMessage(detail));
  session.setView(stage.view);
  session.run();
}

function onState({ state, reason, seconds, code }) {
  if (state === "live") {
    setState("live");
    lastFace = performance.now();
    greeting = wasLive ? STRINGS.back : null;
    if (document.activeElement === document.body) $("view").focus({ preventScroll: true }); // its button is gone
    wasLive = true;
    // The engine may still be loading: the first pictures are then empty, until the first message about a frame.
    setTimeout(greet, LOADING_MS);
  } else if (state === "connecting") {
    heard = false;
    notice.show(wasLive ? STRINGS.reconnecting : STRINGS.connecting, { busy: true });
  } else if (state === "waiting") {
    notice.show(STRINGS.firstFrame, { busy: true });
  } else if (state === "away") {
    setState("away");
    readings.clear();
    notice.show(reason, { detail: STRINGS.tryingIn(seconds), busy: true, warn: true, retry: true });
  } else {
    const known = { token: STRINGS.trouble.token, "no-codec": STRINGS.trouble.codec };
    idle(known[code] ?? STRINGS.trouble.refused(reason));
  }
}

function onMessage(message) {
  switch (message.type) {
    case "hello":
      bars.setNames(message.names);
      break;
    case "frame":
      if (!heard) showDevice(running.session);
      heard = true;
      greet();
      bars.show(message.expression);
      onFace(message.face);
      break;
    case "pong":
      readings.pong(message.rtt);
      break;
    case "notice":
      notice.show(message.message, { warn: true });
      break;
  }
}

/** The avatar is there: what the notice said of connecting is over. */
function greet() {
  if (greeting === undefined || document.body.dataset.state !== "live") return;
  if (greeting) notice.show(greeting);
  else notice.hide();
  greeting = undefined;
}

/** The hello may come before the engine knows its device; the first frame comes after. @param {Session} session */
async function showDevice(session) {
  const { device, precision } = await session.state().catch(() => ({}));
  if (device) readings.device(device, precision);
}

/** A face that stays away is worth a hint, once until it is back. */
function onFace(seen) {
  readings.face(seen);
  if (seen) lastFace = performance.now();
  else if (performance.now() - lastFace > NO_FACE_MS) {
    lastFace = Infinity;
    notice.show(STRINGS.noFace, { warn: true });
  }
}

/** @type {string | null} the newest snapshot's place on the server, which keeps it for the studio */
let kept = null;

/** Nobody wanted it in the studio: the server need not keep it. */
function forgetSnapshot() {
  if (kept) request("DELETE", kept.replace(/^\//, ""), { keepalive: true }).catch(() => {});
  kept = null;
}

async function snapshot() {
  $("snapshot").disabled = true;
  notice.show(STRINGS.snapshotTaking, { busy: true });
  try {
    const response = await running.session.post("snapshot?keep=true", 60000);
    forgetSnapshot();
    kept = response.headers.get("Location");
    const link = document.createElement("a");
    link.download = `face3d-${new Date().toISOString().slice(0, 19).replace(/[:T]/g, "-")}.zip`;
    link.href = URL.createObjectURL(await response.blob());
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 30000);
    notice.show(STRINGS.snapshotDone(link.download), { link: `studio.html${location.search}#job=${kept.split("/").pop()}` });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    notice.show(STRINGS.snapshotFailed(why(error)), { warn: true });
  }
  $("snapshot").disabled = document.body.dataset.state !== "live";
}

function setMirror(on) {
  document.body.classList.toggle("mirrored", on);
  $("mirror").setAttribute("aria-pressed", String(on));
  stage.mirrored = on;
}

$("start").addEventListener("click", startCamera);
$("sample").addEventListener("click", startSample);
$("stop").addEventListener("click", () => idle());
$("retry").addEventListener("click", () => running?.session.retry());
$("snapshot").addEventListener("click", snapshot);
$("to-studio").addEventListener("click", () => { kept = null; }); // the studio's from now on
$("mirror").addEventListener("click", () => setMirror(!stage.mirrored));
$("views").addEventListener("change", (event) => {
  document.body.dataset.view = event.target.value;
  stage.setMode(event.target.value);
});
stage.addEventListener("view", () => running?.session.setView(stage.view));
setInterval(() => {
  const connection = running?.session.connection;
  if (connection && document.body.dataset.state === "live") readings.measure(connection);
}, 1000);
addEventListener("pagehide", () => running && idle());
setMirror(true);
