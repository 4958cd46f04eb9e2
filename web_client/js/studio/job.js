/** A reconstruction on the server: from the photo to a finished head, with what happens in between. */
import { ApiError, request, socketUrl } from "../api.js";

const UPLOAD_MS = 120000;
const AGAIN_MS = 700;

/** @param {Blob} photo @param {Record<string, string>} [options] @returns {FormData} */
export function form(photo, options = {}) {
  const data = new FormData();
  for (const [name, value] of Object.entries(options)) data.append(name, value);
  data.append("photo", photo, "photo");
  return data;
}

/** @param {Blob} photo @returns {Promise<{width: number, height: number, faces: object[]}>} @throws {ApiError} */
export async function findFaces(photo) {
  const response = await request("POST", "api/faces", { body: form(photo), timeout: UPLOAD_MS });
  return response.json();
}

/**
 * @param {Blob} photo @param {Record<string, string>} options face, mesh, texture
 * @param {(state: object) => void} tell called with every state of the job
 * @returns {Promise<object>} the state of the finished job
 * @throws {ApiError} also when the job failed
 */
export async function make(photo, options, tell) {
  const response = await request("POST", "api/reconstruct", { body: form(photo, options), timeout: UPLOAD_MS });
  let state = await response.json();
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
