/** A reconstruction on the server: from the photo to a finished head, with what happens in between. */
import { ApiError, request, socketUrl } from "../api.js";

const UPLOAD_MS = 120000;
const AGAIN_MS = 700;

/** A photo, and what it is called on the server, which keeps it for a while: it is sent once. */
export class Photo {
  #blob;
  #name = null;

  /** @param {Blob} blob */
  constructor(blob) { this.#blob = blob; }

  /** @returns {Promise<object[]>} its faces; the server keeps the photo @throws {ApiError} */
  async faces() {
    const { photo, faces } = await this.#post("api/faces", { keep: "true" });
    this.#name = photo;
    return faces;
  }

  /** Queues it. @param {Record<string, string>} options @returns {Promise<object>} the job's state @throws {ApiError} */
  async queue(options) {
    try {
      return await this.#post("api/reconstruct", options);
    } catch (error) {
      if (error.code !== "photo-gone") throw error;
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

  async #post(path, options) {
    const body = new FormData();
    for (const [name, value] of Object.entries(options)) body.append(name, value);
    if (this.#name) body.append("photo", this.#name);
    else body.append("photo", this.#blob, "photo");
    return (await request("POST", path, { body, timeout: UPLOAD_MS })).json();
  }
}

/**
 * @param {Photo} photo @param {Record<string, string>} options face, mesh, texture, sharpen, refine
 * @param {(state: object) => void} tell called with every state of the job
 * @returns {Promise<object>} the state of the finished job
 * @throws {ApiError} also when the job failed
 */
export async function make(photo, options, tell) {
  let state = await photo.queue(options);
  tell(state);
  while (state.state !== "done") {
    if (state.error) throw new ApiError(state.error.code, state.error.message);
    await listen(state.job, (news) => {
      state = news;
      tell(state);
    });
    if (state.state === "done" || state.error) continue;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS)); // the connection broke: the job went on
    state = await job(state.job);
  }
  return state;
}

/** @param {string} id @returns {Promise<object>} its state @throws {ApiError} */
export async function job(id) {
  return (await request("GET", `api/jobs/${id}`)).json();
}

/** @param {string} id @param {string} path of something that a finished job has, as JSON @throws {ApiError} */
export async function fetched(id, path) {
  return (await request("GET", `api/jobs/${id}/${path}`)).json();
}

/** Lets the server forget it; it may have done so already. */
export function forget(id) {
  return request("DELETE", `api/jobs/${id}`, { keepalive: true }).catch(() => {});
}

/** Resolves when the server has no more to say. */
function listen(id, tell) {
  return new Promise((resolve) => {
    const socket = new WebSocket(socketUrl(`api/jobs/${id}`));
    socket.onmessage = (event) => tell(JSON.parse(event.data));
    socket.onclose = () => resolve();
  });
}
