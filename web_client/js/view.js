/**
 * The avatar alone, with alpha, for OBS and the like: /view?bg=transparent&ui=0
 *
 * Pictures come as WebP over a WebSocket, as WebRTC's video has no alpha. Each one drawn is acknowledged, and the server
 * sends the next only then: what is shown is always the newest.
 *
 * bg: transparent (default), studio, or a colour such as 00ff00. ui: 0 shows no text, whatever happens. session: an id;
 * without it the newest session. mirror: 1. fit: contain (default) or cover. token: as everywhere.
 */
const RETRY_MS = [250, 500, 1000, 2000, 5000];

/** What the page says of itself when it has nothing to show. */
const TEXT = {
  connecting: "Connecting to Face3D Live …",
  waiting: "No session yet: start the camera on the main page.",
  ended: "That session has ended, or there is none of that name.",
  away: "The server does not answer, or wants &token=… in this address. Trying again …",
};

const query = new URLSearchParams(location.search);
const canvas = document.getElementById("avatar");
const context = canvas.getContext("2d");
const status = document.getElementById("status");

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
  const url = new URL(session ? `api/sessions/${encodeURIComponent(session)}/view` : "api/view", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  if (query.has("token")) url.searchParams.set("token", query.get("token"));
  return url;
}

/** Draws pictures in the order in which they came, one at a time. */
class Painter {
  #waiting = Promise.resolve();

  /** @param {Blob} picture @param {() => void} drawn called when it is to be seen */
  paint(picture, drawn) {
    this.#waiting = this.#waiting.then(async () => {
      try {
        const bitmap = await createImageBitmap(picture);
        if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
          [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
        }
        context.clearRect(0, 0, canvas.width, canvas.height);
        context.drawImage(bitmap, 0, 0);
        bitmap.close();
        canvas.dataset.pictures = Number(canvas.dataset.pictures ?? 0) + 1;
      } catch (error) {
        if (error.name !== "InvalidStateError") throw error; // a picture that cannot be read: the next one will do
      }
      drawn();
    });
  }

  clear() {
    this.#waiting = this.#waiting.then(() => context.clearRect(0, 0, canvas.width, canvas.height));
  }
}

const painter = new Painter();

function connect(failures = 0) {
  const socket = new WebSocket(address());
  socket.binaryType = "blob";
  let heard = false;
  socket.onmessage = ({ data }) => {
    heard = true;
    if (typeof data !== "string") {
      say("");
      painter.paint(data, () => socket.readyState === WebSocket.OPEN && socket.send("drawn"));
    } else if (JSON.parse(data).session === null) {
      painter.clear();
      say(TEXT.waiting);
    }
  };
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
