/** Wires the page: buttons, camera or sample, session, stage, bars, readings. */
import { ask, said, why } from "./api.js";
import { Avatars } from "./avatar.js";
import { Bars } from "./bars.js";
import { Calibration } from "./calibrate.js";
import { cameraTrouble, openCamera } from "./camera.js";
import { Devices } from "./devices.js";
import { $, button, byId } from "./dom.js";
import { placeOf } from "./follow.js";
import { Phrase, phrase, write } from "./i18n.js";
import { Acting, Hotkeys, worthKeeping } from "./hotkeys.js";
import { Intro } from "./intro.js";
import { Outputs } from "./outputs.js";
import { restoreTab } from "./panel.js";
import { Recording } from "./record.js";
import "./phone.js";
import { openSample } from "./sample.js";
import { Session } from "./session.js";
import { Snapshot } from "./snapshot.js";
import { Stage } from "./stage.js";
import { StyleChoice } from "./styling.js";
import { Notice, Readings } from "./status.js";
import { inFragment, TOKEN } from "./token.js";
import { Views } from "./views.js";

/** @typedef {import("./types.js").Trouble} Trouble */

const NO_FACE_MS = 4000;
const LOADING_MS = 6000;

const bars = new Bars($("bars"));
const stage = new Stage($("view"));
const views = new Views(stage);
/** Notices that come before the server ends the session. */
const ENDINGS = new Set(["no-pictures", "session-quarantined"]);

const notice = new Notice();
const avatars = new Avatars(notice);
const styling = new StyleChoice();
const readings = new Readings();
const intro = new Intro(bars);
const recording = new Recording(notice);
const calibration = new Calibration(notice);
const snapshot = new Snapshot(notice);
const outputs = new Outputs();
const camera = byId("camera", HTMLVideoElement), avatar = byId("avatar", HTMLVideoElement);
const devices = new Devices(() => reopenCamera());

/** @type {Trouble} what the card says before anything went wrong */
const WELCOME = [phrase("live.welcome"), phrase("live.welcome_text")];

/** @type {Record<string, Trouble>} refusals that say more than the server's own message */
const REFUSED = {
  token: [phrase("error.token"), phrase("error.token_cure")],
  "no-codec": [phrase("error.codec"), phrase("error.codec_cure")],
};

/** @type {{session: Session, stop: () => void, use: (stream: MediaStream, track: MediaStreamTrack) => void} | null} what runs now */
let running = null;
/** Counts the starts and stops, so that a camera that is opened too late is not used. */
let turn = 0;
let wasLive = false;
let lastFace = Infinity;
/** @type {import("./types.js").PlainKey | null | undefined} what to say at the first frame, null: nothing, undefined: said */
let greeting;
/** Whether a message about a frame has come in this connection. */
let heard = false;
/** The newest coefficients and their names. */
let face = /** @type {number[]} */ ([]), names = /** @type {string[]} */ ([]);
const acting = new Acting((message) => running?.session.act(message));

/** @param {"idle" | "starting" | "live" | "away"} state */
function setState(state) {
  const live = state === "live" ? (running?.session ?? null) : null;
  document.body.dataset.state = state;
  if (state === "idle") intro.start();
  else intro.stop();
  snapshot.session = recording.session = calibration.session = outputs.session = live;
  button("stop").disabled = state === "idle";
  avatars.session = live;
  $("view").tabIndex = live ? 0 : -1;
}

/** Back to the card, with what went wrong on it. @param {Trouble} [trouble] */
function idle(trouble) {
  turn++;
  running?.stop();
  running = null;
  snapshot.forget();
  acting.reset();
  wasLive = false;
  camera.srcObject = avatar.srcObject = null;
  bars.clear();
  readings.clear();
  notice.hide();
  setState("idle");
  $("card").classList.toggle("trouble", Boolean(trouble));
  const [title, text] = trouble ?? WELCOME;
  write($("card-title"), title);
  write($("card-text"), text);
  write($("start"), phrase(trouble ? "error.try_again" : "live.start"));
  $("card-fine").hidden = Boolean(trouble);
  $(trouble ? "card-title" : "start").focus({ preventScroll: true }); // a screen reader then reads the trouble
}

async function startCamera() {
  const mine = starting("camera");
  notice.show(phrase("camera.asking"), { busy: true });
  try {
    const { ice, rate } = await connecting();
    start(mine, { stream: await openCamera(rate), stop() {} }, ice);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    if (mine === turn) idle(cameraTrouble(error, "sample"));
  }
}

async function startSample() {
  const mine = starting("sample");
  notice.show(phrase("session.connecting"), { busy: true });
  try {
    const [sample, { ice }] = await Promise.all([openSample(), connecting()]);
    start(mine, sample, ice);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    if (mine === turn) idle([phrase("error.sample"), phrase("error.sample_cure")]);
  }
}

/** @param {"camera" | "sample"} source @returns {number} whose turn it is */
function starting(source) {
  document.body.dataset.source = source;
  setState("starting");
  return ++turn;
}

/**
 * What the server names: ICE servers, and frames a second to ask the camera for. None where it does not answer, which the
 * session will say.
 * @returns {Promise<{ice: RTCIceServer[], rate: number}>}
 */
async function connecting() {
  const answer = await ask("GET", "api/ice").catch(() => /** @type {Record<string, never>} */ ({}));
  return { ice: answer.iceServers ?? [], rate: answer.frameRate ?? 30 };
}

/** @param {number} mine @param {import("./sample.js").Source} source what the server shall see @param {RTCIceServer[]} ice */
function start(mine, { stream, stop }, ice) {
  let [track] = stream.getVideoTracks();
  const release = () => { track?.stop(); stop(); };
  if (mine !== turn) return release(); // stopped while the browser asked
  if (!track || !globalThis.RTCPeerConnection) {
    release();
    if (!track) throw new DOMException("", "NotFoundError");
    return idle([phrase("error.webrtc"), phrase("error.webrtc_cure")]);
  }
  const session = new Session(stream, track, ice);
  /** @param {MediaStream} shown @param {MediaStreamTrack} used of it */
  const use = (shown, used) => {
    if (track !== used) track?.stop();
    track = used;
    used.addEventListener("ended", () => idle([phrase("camera.stopped"), phrase("camera.stopped_cure")]));
    camera.srcObject = shown;
    devices.show(document.body.dataset.source === "camera" ? used : null);
  };
  running = { session, stop() { session.stop(); release(); }, use };
  use(stream, track);
  session.on("state", (state) => running?.session === session && onState(state));
  session.on("stream", (pictures) => { if (running?.session === session) avatar.srcObject = pictures; });
  session.on("message", (message) => running?.session === session && onMessage(session, message));
  session.setView(stage.view);
  session.run();
}

/** Another camera, or the same one with another size or rate, in the same session. */
async function reopenCamera() {
  const before = running;
  if (!before || document.body.dataset.source !== "camera") return;
  try {
    const { rate } = await connecting();
    const stream = await openCamera(rate), [track] = stream.getVideoTracks();
    if (!track || running !== before) return track?.stop();
    before.use(stream, track);
    await before.session.setCamera(stream, track);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    const [title, cure] = cameraTrouble(error, "sample");
    notice.show(new Phrase(() => `${title}. ${cure}`), { warn: true });
  }
}

/** @param {import("./types.js").SessionEvent} event */
function onState(event) {
  if (event.state === "live") {
    setState("live");
    lastFace = performance.now();
    greeting = wasLive ? "session.back" : null;
    if (document.activeElement === document.body) $("view").focus({ preventScroll: true }); // its button is gone
    wasLive = true;
    // The engine may still be loading: the first pictures are then empty, until the first message about a frame.
    setTimeout(greet, LOADING_MS);
  } else if (event.state === "connecting") {
    heard = false;
    notice.show(phrase(wasLive ? "session.reconnecting" : "session.connecting"), { busy: true });
  } else if (event.state === "waiting") {
    notice.show(phrase("session.first_frame"), { busy: true });
  } else if (event.state === "away") {
    setState("away");
    readings.clear();
    const detail = phrase("session.trying_in", { seconds: event.seconds });
    notice.show(event.reason, { detail, busy: true, warn: true, retry: true });
  } else {
    idle(REFUSED[event.code] ?? [phrase("error.refused"), event.reason]);
  }
}

/** @param {Session} session @param {import("./types.js").ControlMessage} message */
function onMessage(session, message) {
  switch (message.type) {
    case "hello":
      bars.setNames(names = message.names);
      acting.tell();
      session.setStyle("hair", styling.value("hair"), true);
      session.setStyle("glasses", styling.value("glasses"), true);
      break;
    case "frame":
      if (!heard) showDevice(session);
      heard = true;
      greet();
      bars.show(message.expression);
      face = message.expression;
      onFace(message.face);
      break;
    case "pong":
      readings.pong(message.rtt);
      break;
    case "quality":
      readings.quality(message.hints);
      break;
    case "notice":
      // The server ends the session after these: another one at once would end in the same way.
      if (ENDINGS.has(message.code)) idle([phrase("error.title"), said(message)]);
      else notice.show(why(message), { warn: true });
      break;
  }
}

/** The avatar is there: what the notice said of connecting is over. */
function greet() {
  if (greeting === undefined || document.body.dataset.state !== "live") return;
  if (greeting) notice.show(phrase(greeting));
  else notice.hide();
  greeting = undefined;
}

/** The hello may come before the engine knows its device; the first frame comes after. @param {Session} session */
async function showDevice(session) {
  const state = await session.state().catch(() => null);
  if (state?.device) readings.device(state.device, state.precision);
}

/** A face that stays away is worth a hint, once until it is back. @param {boolean} seen */
function onFace(seen) {
  readings.face(seen);
  if (seen) lastFace = performance.now();
  else if (performance.now() - lastFace > NO_FACE_MS) {
    lastFace = Infinity;
    notice.show(phrase("session.no_face"), { warn: true });
  }
}

$("start").addEventListener("click", startCamera);
$("sample").addEventListener("click", startSample);
$("stop").addEventListener("click", () => idle());
$("retry").addEventListener("click", () => running?.session.retry());
camera.addEventListener("click", (event) => {
  running?.session.follow(...placeOf(camera.getBoundingClientRect(), camera, event, stage.mirrored));
  notice.show(phrase("camera.following"));
});
styling.on("change", (kind) => running?.session.setStyle(kind, styling.value(kind)));
stage.on("view", () => running?.session.setView(stage.view));
setInterval(() => {
  const connection = running?.session.connection;
  if (connection && document.body.dataset.state === "live") readings.measure(connection);
}, 1000);
addEventListener("pagehide", () => running && idle());
new Hotkeys([
  { key: "1", name: "keys.avatar", act: () => views.choose("avatar") }, { key: "2", name: "keys.overlay", act: () => views.choose("overlay") },
  { key: "3", name: "keys.wireframe", act: () => views.choose("wireframe") }, { key: "r", name: "keys.record", act: () => recording.toggle() },
  { key: "s", name: "keys.snapshot", act: () => snapshot.take() }, { key: "n", name: "keys.neutral", act: () => button("calibrate").click() },
  { key: "m", name: "keys.mute", act: () => acting.toggle("rest") }, { key: "h", name: "keys.hold", act: () => acting.toggle("hold") },
  { key: "x", name: "keys.mirror", act: () => views.mirror() },
], acting, () => worthKeeping(names, face));
views.restore();
restoreTab();
intro.start();
// A phone that is the camera shows the camera, the mirror and the state, and nothing else.
document.body.classList.toggle("is-camera", Boolean(inFragment("camera")));
// A phone that has scanned the code. Only whom the server knows by its token: no link of others starts a camera.
if (TOKEN && inFragment("camera")) ask("GET", "api/playing").then(startCamera, () => {});
