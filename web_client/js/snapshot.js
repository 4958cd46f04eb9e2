/** The snapshot button: files of this moment, which the studio can open as well. */
import { ApiError, received, request, why } from "./api.js";
import { $, button } from "./dom.js";
import { phrase } from "./i18n.js";
import { save } from "./formatting.js";
import { withFragment } from "./token.js";

const TAKING_MS = 60000;

export class Snapshot {
  #notice;
  /** @type {import("./session.js").Session | null} */
  #session = null;
  /** @type {string | null} the newest snapshot's place on the server, which keeps it for the studio */
  #kept = null;

  /** @param {import("./status.js").Notice} notice */
  constructor(notice) {
    this.#notice = notice;
    button("snapshot").addEventListener("click", () => this.take());
    $("to-studio").addEventListener("click", () => { this.#kept = null; }); // the studio's from now on
  }

  /** @param {import("./session.js").Session | null} session that is live now, or null */
  set session(session) {
    this.#session = session;
    button("snapshot").disabled = !session;
  }

  /** Nobody wanted it in the studio: the server need not keep it. */
  forget() {
    if (this.#kept) request("DELETE", this.#kept.replace(/^\//, ""), { keepalive: true }).catch(() => {});
    this.#kept = null;
  }

  async take() {
    const session = this.#session;
    if (!session || button("snapshot").disabled) return;
    button("snapshot").disabled = true;
    this.#notice.show(phrase("snapshot.taking"), { busy: true });
    try {
      const response = await session.post("snapshot?keep=true", TAKING_MS);
      const zip = await received(() => response.blob());
      this.forget();
      this.#kept = response.headers.get("Location");
      const file = `face3d-${new Date().toISOString().slice(0, 19).replace(/[:T]/g, "-")}.zip`;
      save(zip, null, file);
      this.#notice.show(phrase("snapshot.done", { file }), { link: this.#studio() });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#notice.show(phrase("snapshot.failed", { why: why(error) }), { warn: true });
    }
    button("snapshot").disabled = !this.#session;
  }

  /** @returns {string} the address at which the studio shows it */
  #studio() {
    const job = this.#kept?.split("/").pop();
    return job ? withFragment(`studio.html${location.search}`, { job }) : "";
  }
}
