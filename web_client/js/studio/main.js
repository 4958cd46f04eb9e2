/** Wires the studio: a photo comes in, its face is shown, the head is made, turned, moved and downloaded. */
import { inTwo, sentence, warningText } from "../advice.js";
import { ApiError } from "../api.js";
import { localize, tr } from "../i18n.js";
import { Stage } from "../stage.js";
import { Notice } from "../status.js";
import { Chooser } from "./chooser.js";
import { Faces } from "./faces.js";
import { Files } from "./files.js";
import { fetched, forget, job, make, Photo } from "./job.js";
import { Progress } from "./progress.js";
import { Sliders } from "./sliders.js";
import { HeadView } from "./view.js";

const $ = (id) => document.getElementById(id);
const chooser = new Chooser();
const faces = new Faces();
const files = new Files();
const notice = new Notice();
const progress = new Progress();
const sliders = new Sliders($("sliders"), $("both"));
const stage = new Stage($("view"));
const view = new HeadView($("head"));
stage.mirrored = false;

const WELCOME = [$("card-title").textContent, $("card-text").textContent];

/** @type {Photo | null} what a head can be made of */
let photo = null;
/** @type {string | null} the job whose result is shown */
let shown = null;
/** @type {string[]} codes of what its report warns of */
let warnings = [];
/** Counts the photos, so that an answer about an earlier one is not taken for one about this. */
let turn = 0;

/** @param {"idle" | "camera" | "photo" | "running" | "live"} state idle: the card is shown; live: a head */
function setState(state) {
  document.body.dataset.state = state;
  const busy = state === "running";
  $("views").disabled = state !== "live";
  $("view").tabIndex = state === "live" ? 0 : -1;
  $("another").disabled = state === "idle" || state === "camera" || busy;
  $("delete").disabled = state !== "live";
  for (const id of ["make", "mesh", "texture", "sharpen", "refine"]) $(id).disabled = busy;
  for (const button of $("frame").querySelectorAll("button")) button.disabled = busy;
  $("order").hidden = !photo;
  $("result").hidden = state !== "live";
  $("idle-hint").hidden = Boolean(photo) || state === "live";
  $("make").textContent = tr(busy ? "Making the head…" : state === "live" ? "Make it again" : "Make the head");
}

/** Back to the card. @param {[string, string]} [trouble] title and cure */
function idle(trouble) {
  leave();
  drop();
  faces.clear();
  progress.show(null);
  setState("idle");
  $("card").classList.toggle("trouble", Boolean(trouble));
  [$("card-title").textContent, $("card-text").textContent] = trouble ?? WELCOME.map((text) => tr(text));
  $("choose").textContent = tr(trouble ? "Choose another photo" : "Choose a photo");
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
  history.replaceState(null, "", location.pathname + location.search);
}

/** The photo is of no more use. */
function drop() {
  photo?.forget();
  photo = null;
}

/** A photo came: where are its faces? */
async function receive({ blob, remark }) {
  leave();
  drop();
  const mine = turn, came = new Photo(blob);
  photo = came;
  faces.clear();
  progress.show(null);
  sayTrouble("");
  setState("photo");
  $("make").disabled = true;
  notice.show(remark || tr("Looking for faces…"), { busy: true });
  try {
    const [found] = await Promise.all([came.faces(), faces.showPhoto(blob)]);
    if (turn !== mine) return came.forget(); // another one came meanwhile
    faces.showFaces(found);
    $("make").disabled = false;
    if (remark) notice.show(remark);
    else notice.hide();
    $("make").focus({ preventScroll: true });
  } catch (error) {
    if (turn !== mine) return;
    // The browser could not show what the server took for a picture: neither will be of use.
    const refusal = error instanceof ApiError ? error : new ApiError("not-an-image", String(error));
    const words = await inTwo(refusal);
    if (turn === mine) idle(words);
  }
}

async function run() {
  const switches = Object.fromEntries(["sharpen", "refine"].map((id) => [id, String($(id).checked)]));
  const options = { mesh: $("mesh").value, texture: $("texture").value, ...switches, ...faces.choice };
  const before = shown;
  const mine = ++turn;
  sayTrouble("");
  setState("running");
  notice.show(tr("Making the head…"), { busy: true });
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
    sayTrouble((await inTwo(error)).join(": "));
    $("make").focus({ preventScroll: true });
  }
}

function follow(state) {
  progress.show(state);
  if (state.state === "queued" && state.ahead) notice.show(tr("Waiting: {count} photos are ahead.", { count: state.ahead }), { busy: true });
  else if (state.stage === "loading") notice.show(tr("Loading the model…"), { busy: true });
  else notice.show(tr("Making the head…"), { busy: true });
}

/** @param {object} state of a finished job */
async function showHead(state) {
  const mine = turn;
  const [expression, report] = await Promise.all([fetched(state.job, "expression"), fetched(state.job, "files/report.json")]);
  if (turn !== mine) return;
  shown = state.job;
  history.replaceState(null, "", `#job=${shown}`);
  progress.show(photo ? state : null);
  files.show(shown, state.files);
  sliders.start(expression);
  setState("live");
  stage.reset();
  view.open(shown);
  setView($("views").querySelector(":checked").value);
  notice.show(tr("Drawing the head…"), { busy: true });
  if (document.activeElement === document.body) $("view").focus({ preventScroll: true });
  warnings = report.warning_codes;
  await warn();
}

/** What the report of the head that is shown warns of, in the page's language. */
async function warn() {
  const texts = await Promise.all(warnings.map(warningText));
  $("warnings").hidden = texts.length === 0;
  $("warnings").replaceChildren(...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
}

function setView(mode) {
  const map = mode === "uv";
  $("uv").hidden = !map;
  $("view").style.visibility = map ? "hidden" : "";
  if (map) files.showMap($("grid").checked);
  else stage.setMode(mode);
}

function draw() {
  if (shown) view.show({ ...stage.view, expression: sliders.values });
}

function sayTrouble(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
}

/** The result's time is over, on the server or by its owner's wish; the photo is still here. */
function gone(text) {
  shown = null;
  leave();
  if (!photo) return idle([tr("This does not work"), tr(text)]);
  progress.show(null);
  setState("photo");
  notice.show(tr(text), { warn: true });
}

async function remove() {
  const id = shown;
  shown = null;
  await forget(id);
  idle();
  notice.show(tr("Deleted: the head is gone from the server."));
}

/** A head from the live page, or from before the page was loaded again. @param {string} id */
async function reopen(id) {
  try {
    const state = await job(id);
    if (state.state === "done") await showHead(state);
    else idle();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    idle(error.status === 404 ? [tr("This does not work"), tr("The head was deleted: results are kept for ten minutes. Make it again.")] : await inTwo(error));
  }
}

chooser.addEventListener("photo", ({ detail }) => receive(detail));
chooser.addEventListener("refused", ({ detail }) => idle(detail));
chooser.addEventListener("camera", ({ detail }) => {
  if (detail === "asking") notice.show(tr("Waiting for your permission to use the camera…"), { busy: true });
  else notice.hide();
  if (detail === "on") setState("camera");
  else if (document.body.dataset.state === "camera") idle();
});
$("make").addEventListener("click", run);
$("delete").addEventListener("click", remove);
$("as-photo").addEventListener("click", () => sliders.asPhoto());
$("neutral").addEventListener("click", () => sliders.neutral());
$("views").addEventListener("change", ({ target }) => setView(target.value));
$("grid").addEventListener("change", () => setView("uv"));
stage.addEventListener("view", draw);
sliders.addEventListener("change", draw);
view.addEventListener("first", () => notice.hide());
view.addEventListener("gone", () => gone("The head was deleted: results are kept for ten minutes. Make it again."));
view.addEventListener("trouble", async ({ detail }) => notice.show(await sentence(detail), { warn: true }));
addEventListener("languagechanged", () => {
  faces.tell();
  progress.write();
  sliders.name();
  warn();
});

localize();
setState("idle");
const linked = location.hash.match(/^#job=(\w+)$/);
if (linked) reopen(linked[1]);
