/**
 * The avatar alone, with alpha, for OBS and the like: /view?bg=transparent&ui=0
 *
 * Pictures come as WebP over a WebSocket, as WebRTC's video has no alpha.
 *
 * bg: transparent (default), studio, or a colour such as 00ff00. ui: 0 shows no text, whatever happens. session: an id;
 * without it the newest session. mirror: 1. fit: contain (default) or cover. The fragment has the token: #token=...
 */
import { $, byId } from "./dom.js";
import { Painter, watch } from "./painter.js";

const RETRY_MS = [250, 500, 1000, 2000, 5000];

/** What the page says of itself when it has nothing to show. */
const TEXT = {
  connecting: "Connecting to Face3D Live …",
  waiting: "No session yet: start the camera on the main page.",
  ended: "That session has ended, or there is none of that name.",
  away: "The server does not answer, or wants #token=… at the end of this address. Trying again …",
};

const query = new URLSearchParams(location.search);
const status = $("status");

/** @param {string} text */
function say(text) {
  status.textContent = text;
  status.hidden = !text || query.get("ui") === "0";
}

/** @param {string | null} wanted @returns {string} a CSS background; of what is no colour: transparent */
function background(wanted) {
  if (wanted === "studio") return "radial-gradient(circle at 50% 42%, rgb(92 99 110), rgb(24 27 33) 75%)";
  return /^[0-9a-f]{3}([0-9a-f]{3})?$/i.test(wanted ?? "") ? `#${wanted}` : "transparent";
}

function address() {
  const session = query.get("session");
  return session ? `api/sessions/${encodeURIComponent(session)}/view` : "api/view";
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

document.body.style.background = background(query.get("bg"));
document.body.classList.toggle("mirrored", query.get("mirror") === "1");
document.body.classList.toggle("cover", query.get("fit") === "cover");
say(TEXT.connecting);
connect();
