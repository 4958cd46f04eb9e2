/** The server's HTTP side: every request, its token, its errors. */
import { STRINGS } from "./strings.js";

const TOKEN = new URLSearchParams(location.search).get("token");

/** @param {string} path @returns {string} for links and pictures, whose requests carry no headers of ours */
export function withToken(path) {
  return TOKEN ? `${path}?token=${encodeURIComponent(TOKEN)}` : path;
}

/** @param {string} path from the page's own folder @returns {string} a WebSocket's address */
export function socketUrl(path) {
  return new URL(withToken(path), location.href).href.replace(/^http/, "ws");
}

/** What went wrong, in the server's words where it has any: `{"error": {"code", "message"}}`. */
export class ApiError extends Error {
  /** @param {string} code @param {string} message @param {number} status 0 when no answer came */
  constructor(code, message, status = 0) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/**
 * @param {string} method @param {string} path from the page's own folder, without a leading slash
 * @param {{body?: BodyInit, type?: string, timeout?: number, keepalive?: boolean}} options timeout in ms
 * @returns {Promise<Response>} a response with an ok status
 * @throws {ApiError}
 */
export async function request(method, path, { body, type, timeout = 8000, keepalive = false } = {}) {
  const headers = {};
  if (TOKEN) headers.Authorization = `Bearer ${TOKEN}`;
  if (type) headers["Content-Type"] = type;
  let response;
  try {
    response = await fetch(path, { method, headers, body, keepalive, cache: "no-store", signal: AbortSignal.timeout(timeout) });
  } catch (error) {
    if (error.name === "TimeoutError") throw new ApiError("timeout", STRINGS.timeout);
    throw new ApiError("server-away", STRINGS.serverAway);
  }
  if (!response.ok) throw await explain(response);
  return response;
}

/** @param {Response} response @returns {Promise<ApiError>} */
async function explain(response) {
  const fallback = STRINGS.httpError(response.status);
  try {
    const { error, reason } = await response.json(); // `reason`: a calibration that was not possible
    return new ApiError(error?.code ?? "http-error", error?.message || reason || fallback, response.status);
  } catch {
    return new ApiError("http-error", fallback, response.status); // a proxy's HTML page, or nothing
  }
}
