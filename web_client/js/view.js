/**
 * The avatar alone, with alpha, for OBS and the like: /view?bg=transparent&ui=0
 *
 * Pictures come as WebP over a WebSocket, as WebRTC's video has no alpha.
 *
 * bg: transparent (default), studio, image (that the card for OBS keeps in this browser), or a colour such as 00ff00. ui: 0 shows no text, whatever happens. session: an id;
 * without it the newest session. mirror: 1. fit: contain (default) or cover. The fragment has the token: #token=...
 */
import { covering, storedBackdrop } from "./backdrop.js";
import { $, byId } from "./dom.js";
import { Painter, watch } from "./painter.js";
import { complaint, readOptions } from "./view_options.js";

const RETRY_MS = [250, 500, 1000, 2000, 5000];

/** What the page says of itself when it has nothing to show. */
const TEXT = {
  connecting: "Connecting to Face3D Live …",
  waiting: "No session yet: start the camera on the main page.",
  ended: "That session has ended, or there is none of that name.",
  picture: "This browser keeps no picture for bg=image: choose one in the main page's Outputs tab. ",
  away: "The server does not answer, or wants #token=… at the end of this address. Trying again …",
};

const options = readOptions(location.search);
const status = $("status");
/** What is wrong with the address goes before all else. */
let wrong = complaint(options.wrong);

/** @param {string} text */
function say(text) {
  status.textContent = wrong + text;
  status.hidden = !status.textContent || options.quiet;
}

function address() {
  return options.session ? `api/sessions/${encodeURIComponent(options.session)}/view` : "api/view";
}

const painter = new Painter(byId("avatar", HTMLCanvasElement));

function connect(failures = 0) {
  let heard = false;
  const socket = watch(address(), painter, {
    painted: () => say(""),
    told: ({ session }) => {
      heard = true;
      if (session !== null) return;
      painter.clear();
      say(TEXT.waiting);
    },
  });
  socket.onclose = ({ code }) => {
    painter.clear();
    const next = heard ? 0 : failures;
    const ended = code === 1000 || code === 4404;
    say(ended ? TEXT.ended : TEXT.away);
    setTimeout(connect, RETRY_MS[Math.min(ended ? 3 : next, RETRY_MS.length - 1)], next + 1);
  };
}

async function showBackdrop() {
  const picture = await storedBackdrop();
  if (picture) document.body.style.background = covering(URL.createObjectURL(picture));
  else wrong += TEXT.picture;
}

document.body.style.background = options.background;
document.body.classList.toggle("mirrored", options.mirror);
document.body.classList.toggle("cover", options.cover);
if (options.image) await showBackdrop();
say(TEXT.connecting);
connect();
