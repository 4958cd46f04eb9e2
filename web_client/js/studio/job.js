/** A reconstruction on the server: from the photo to a finished head, with what happens in between. */
import { ApiError, ask, received, request } from "../api.js";
import { openSocket } from "../token.js";

/** @typedef {import("../types.js").Job} Job */

const UPLOAD_MS = 120000;
const AGAIN_MS = 700;

/** A photo, and what it is called on the server, which keeps it for a while: it is sent once. */
export class Photo {
  #blob;
  /** @type {string | null} */
  #name = null;

  /** @param {Blob} blob */
  constructor(blob) { this.#blob = blob; }

  /** @returns {Promise<import("../types.js").Face[]>} its faces; the server keeps the photo @throws {ApiError} */
  async faces() {
    const { photo, faces } = await this.#post("api/faces", { keep: "true" });
    this.#name = photo;
    return faces;
  }

  /** Queues it. @param {Record<string, string>} options @returns {Promise<Job>} its state @throws {ApiError} */
  async queue(options) {
    try {
      return await this.#post("api/reconstruct", options);
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== "photo-gone") throw error;
      this.#name = null;
      await this.faces(); // its time was over, or the server is another one: send it again
      return this.#post("api/reconstruct", options);
    }
  }

  /** The server need not keep it any longer. */
  forget() {
    if (this.#name) request("DELETE", `api/photos/${this.#name}`, { keepalive: true }).catch(() => {});
    this.#name = null;
  }

  /** @param {string} path @param {Record<string, string>} options @returns {Promise<any>} */
  async #post(path, options) {
    const body = new FormData();
    for (const [name, value] of Object.entries(options)) body.append(name, value);
    if (this.#name) body.append("photo", this.#name);
    else body.append("photo", this.#blob, "photo");
    const response = await request("POST", path, { body, timeout: UPLOAD_MS });
    return received(() => response.json());
  }
}

/**
 * @param {Photo} photo @param {Record<string, string>} options face, mesh, texture, sharpen, refine
 * @param {(state: Job) => void} tell called with every state of the job
 * @returns {Promise<Job>} the state of the finished job
 * @throws {ApiError} also when the job failed
 */
export async function make(photo, options, tell) {
  let state = await photo.queue(options);
  tell(state);
  for (;;) {
    if (state.error) throw new ApiError(state.error.code, state.error.message);
    if (state.state === "done") return state;
    state = await listen(state, tell);
    if (state.state === "done" || state.error) continue;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS)); // the connection broke: the job went on
    state = await job(state.job);
  }
}

/** @param {string} id @returns {Promise<Job>} its state @throws {ApiError} */
export async function job(id) {
  return ask("GET", `api/jobs/${id}`);
}

/** @param {string} id @param {string} path of something that a finished job has, as JSON @returns {Promise<any>} @throws {ApiError} */
export async function fetched(id, path) {
  return ask("GET", `api/jobs/${id}/${path}`);
}

/** Lets the server forget it; it may have done so already. @param {string} id */
export function forget(id) {
  return request("DELETE", `api/jobs/${id}`, { keepalive: true }).catch(() => {});
}

/** @param {Job} state known so far @param {(state: Job) => void} tell @returns {Promise<Job>} the last that the server had to say */
function listen(state, tell) {
  return new Promise((resolve) => {
    let last = state;
    const socket = openSocket(`api/jobs/${state.job}`);
    socket.onmessage = (event) => {
      last = JSON.parse(event.data);
      tell(last);
    };
    socket.onclose = () => resolve(last);
  });
}
