/** Wires the studio: a photo comes in, its face is shown, the head is made, turned, moved and downloaded. */
import { inTwo, sentence, warningText } from "../advice.js";
import { ApiError } from "../api.js";
import { $, button, byId, chosen, within } from "../dom.js";
import { make as element } from "../elements.js";
import { Phrase, phrase, write } from "../i18n.js";
import { Stage } from "../stage.js";
import { Notice } from "../status.js";
import { inFragment, withFragment } from "../token.js";
import { Chooser } from "./chooser.js";
import { Edits } from "./edits.js";
import { Faces } from "./faces.js";
import { Files } from "./files.js";
import { fetched, forget, job, make, Photo } from "./job.js";
import { Progress } from "./progress.js";
import { isBlurred } from "./sharpness.js";
import { Sliders } from "./sliders.js";
import { useLive } from "./use_live.js";
import { HeadView } from "./view.js";

/**
 * @typedef {import("../types.js").Job} Job
 * @typedef {import("../types.js").Trouble} Trouble
 * @typedef {import("../types.js").Wording} Wording
 */

const order = {
  make: button("make"),
  mesh: byId("mesh", HTMLSelectElement),
  texture: byId("texture", HTMLSelectElement),
  sharpen: byId("sharpen", HTMLInputElement),
  refine: byId("refine", HTMLInputElement),
};
const views = byId("views", HTMLFieldSetElement);
const grid = byId("grid", HTMLInputElement);
const chooser = new Chooser();
const faces = new Faces();
const edits = new Edits($("edits"));
const files = new Files(() => ({ ...edits.values, expression: sliders.values, pose: edits.posed ? [stage.yaw, stage.pitch] : null }));
const notice = new Notice();
const progress = new Progress();
const sliders = new Sliders($("sliders"), byId("both", HTMLInputElement));
const stage = new Stage($("view"));
const view = new HeadView(byId("head", HTMLCanvasElement));
stage.mirrored = false;

/** @type {Trouble} what the card says before anything went wrong */
const WELCOME = [phrase("photo.welcome"), phrase("photo.welcome_text")];

/** @type {Trouble} */
const GONE = [phrase("error.title"), phrase("head.gone")];

/** @type {Photo | null} what a head can be made of */
let photo = null;
/** @type {string | null} the job whose result is shown */
let shown = null;
/** Whether the server went while a head was shown, and what it knew may have gone with it. */
let lost = false;
/** Counts the photos, so that an answer about an earlier one is not taken for one about this. */
let turn = 0;

/** @param {"idle" | "camera" | "photo" | "running" | "live"} state idle: the card is shown; live: a head */
function setState(state) {
  document.body.dataset.state = state;
  const busy = state === "running";
  views.disabled = state !== "live";
  $("view").tabIndex = state === "live" ? 0 : -1;
  button("another").disabled = state === "idle" || state === "camera" || busy;
  button("delete").disabled = state !== "live";
  for (const control of Object.values(order)) control.disabled = busy;
  faces.disabled = busy;
  $("order").hidden = !photo;
  $("result").hidden = state !== "live";
  if (state !== "live") $("grid-switch").hidden = true;
  $("idle-hint").hidden = Boolean(photo) || state === "live";
  write(order.make, phrase(busy ? "order.making" : state === "live" ? "order.make_again" : "order.make"));
}

/** Back to the card. @param {Trouble} [trouble] @param {boolean} [rejected] the photo stays in sight beside the reason */
function idle(trouble, rejected = false) {
  leave();
  drop();
  if (!rejected) faces.clear();
  document.body.classList.toggle("rejected", rejected);
  progress.show(null);
  setState("idle");
  $("card").classList.toggle("trouble", Boolean(trouble));
  const [title, text] = trouble ?? WELCOME;
  write($("card-title"), title);
  write($("card-text"), text);
  write($("choose"), phrase(trouble ? "photo.choose_another" : "photo.choose"));
  $("card-fine").hidden = Boolean(trouble);
  if (trouble) $("card-title").focus({ preventScroll: true }); // a screen reader then reads it
}

/** The head that is shown is of no more use: here or on the server. */
function leave() {
  turn++;
  notice.hide();
  view.open(null);
  files.clear();
  if (shown) forget(shown);
  shown = null;
  history.replaceState(null, "", withFragment(location.pathname + location.search));
}

/** The photo is of no more use. */
function drop() {
  photo?.forget();
  photo = null;
}

/** A photo came: where are its faces? @param {import("./chooser.js").Chosen} photo */
async function receive({ blob, remark }) {
  leave();
  drop();
  const mine = turn, present = new Photo(blob);
  photo = present;
  faces.clear();
  document.body.classList.remove("rejected");
  progress.show(null);
  sayTrouble("");
  setState("photo");
  order.make.disabled = true;
  notice.show(remark || phrase("photo.looking"), { busy: true });
  try {
    const [found] = await Promise.all([present.faces(), faces.showPhoto(blob)]);
    if (turn !== mine) return present.forget(); // another one came meanwhile
    faces.showFaces(found);
    order.make.disabled = false;
    if (isBlurred(byId("crop", HTMLCanvasElement))) sayTrouble(phrase("order.blurred"));
    if (remark) notice.show(remark);
    else notice.hide();
    order.make.focus({ preventScroll: true });
  } catch (error) {
    if (turn !== mine) return;
    // The browser could not show what the server took for a picture: neither will be of use.
    const refusal = error instanceof ApiError ? error : new ApiError("not-an-image", String(error));
    const words = await inTwo(refusal);
    if (turn === mine) idle(words, byId("picture", HTMLImageElement).naturalWidth > 0);
  }
}

async function run() {
  if (!photo) return;
  const switches = { sharpen: String(order.sharpen.checked), refine: String(order.refine.checked) };
  const options = { mesh: order.mesh.value, texture: order.texture.value, ...switches, ...faces.choice };
  const before = shown;
  const mine = ++turn;
  sayTrouble("");
  setState("running");
  notice.show(phrase("order.making"), { busy: true });
  try {
    const state = await make(photo, options, (news) => turn === mine && follow(news));
    if (turn !== mine) return;
    await showHead(state);
    if (before) forget(before);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (turn !== mine) return;
    notice.hide();
    progress.show(null);
    setState(before ? "live" : "photo"); // what was there before is still there
    const [what, cure] = await inTwo(error);
    sayTrouble(new Phrase(() => `${what}: ${cure}`));
    order.make.focus({ preventScroll: true });
  }
}

/** @param {Job} state */
function follow(state) {
  progress.show(state);
  if (state.state === "queued" && state.ahead) notice.show(phrase("progress.waiting", { count: state.ahead }), { busy: true });
  else if (state.stage === "loading") notice.show(phrase("progress.loading"), { busy: true });
  else notice.show(phrase("order.making"), { busy: true });
}

/** @param {Job} state of a finished job */
async function showHead(state) {
  const mine = turn;
  const [expression, report] = await Promise.all([fetched(state.job, "expression"), fetched(state.job, "files/report.json")]);
  if (turn !== mine) return;
  shown = state.job;
  history.replaceState(null, "", withFragment(location.pathname + location.search, { job: shown }));
  progress.show(photo ? state : null);
  const edited = report.edited ?? {};
  edits.start(report.hair ?? null, edited);
  sliders.start(expression, edited.expression);
  setState("live");
  stage.reset();
  if (edited.pose) stage.turnTo(edited.pose);
  files.show(shown, state.files ?? {});
  view.open(shown);
  setView(within(views, ":checked", HTMLInputElement).value);
  notice.show(phrase("head.drawing"), { busy: true });
  if (document.activeElement === document.body) $("view").focus({ preventScroll: true });
  await warn(report.warning_codes);
}

/** What the report of the head that is shown warns of. @param {string[]} codes */
async function warn(codes) {
  const mine = turn;
  const texts = await Promise.all(codes.map(warningText));
  if (turn !== mine) return;
  $("warnings").hidden = texts.length === 0;
  $("warnings").replaceChildren(...texts.map((text) => element("li", {}, text)));
}

/** @param {string} mode */
function setView(mode) {
  const map = mode === "uv";
  $("uv").hidden = !map;
  $("view").style.visibility = map ? "hidden" : "";
  $("grid-switch").hidden = !(map || mode === "avatar");
  if (map) files.showMap(grid.checked);
  else stage.setMode(mode);
}

function draw() {
  if (shown) view.show({ ...stage.view, ...edits.values, grid: grid.checked, expression: sliders.values });
}

/** @param {Wording} text */
function sayTrouble(text) {
  write($("trouble"), text);
  $("trouble").hidden = !text;
}

/** The result's time is over, on the server or by its owner's wish; the photo is still here. */
function gone() {
  if (lost && photo) {
    lost = false;
    return run(); // the server has begun anew: so does the head
  }
  shown = null;
  leave();
  if (!photo) return idle(GONE);
  progress.show(null);
  setState("photo");
  notice.show(phrase("head.gone"), { warn: true });
}

async function remove() {
  const id = shown;
  shown = null;
  if (id) await forget(id);
  idle();
  notice.show(phrase("head.deleted"));
}

/** A head from the live page, or from before the page was loaded again. @param {string} id */
async function reopen(id) {
  try {
    const state = await job(id);
    if (state.state === "done") await showHead(state);
    else idle();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    idle(error.status === 404 ? GONE : await inTwo(error));
  }
}

chooser.on("photo", receive);
chooser.on("refused", idle);
chooser.on("camera", (camera) => {
  if (camera === "asking") notice.show(phrase("camera.asking"), { busy: true });
  else notice.hide();
  if (camera === "on") setState("camera");
  else if (document.body.dataset.state === "camera") idle();
});
order.make.addEventListener("click", run);
$("delete").addEventListener("click", remove);
$("as-photo").addEventListener("click", () => sliders.asPhoto());
$("neutral").addEventListener("click", () => sliders.neutral());
views.addEventListener("change", (event) => setView(chosen(event)));
grid.addEventListener("change", () => {
  setView(within(views, ":checked", HTMLInputElement).value);
  draw();
});
edits.on("change", draw);
files.on("making", () => notice.show(phrase("edit.making"), { busy: true }));
files.on("made", () => notice.hide());
/** @param {import("../types.js").ServerError} error */
const warnOf = async (error) => notice.show(await sentence(error), { warn: true });
files.on("trouble", warnOf);
view.on("trouble", warnOf);
stage.on("view", draw);
sliders.on("change", draw);
view.on("first", () => notice.hide());
view.on("away", () => {
  lost = true;
  notice.show(phrase("session.reconnecting"), { busy: true, warn: true });
});
view.on("back", () => notice.show(phrase("session.back")));
view.on("gone", gone);
button("use-live").addEventListener("click", async () => shown && (await files.refresh()) && useLive(shown, notice));

setState("idle");
const linked = inFragment("job");
if (linked && /^\w+$/.test(linked)) reopen(linked);
