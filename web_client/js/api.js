/** The server's HTTP side: every request, its token, its errors. */
import { language, Phrase, phrase } from "./i18n.js";
import { ZH_SERVER } from "./i18n/zh_server.js";
import { TOKEN } from "./token.js";

/**
 * @typedef {import("./types.js").ServerError} ServerError
 * @typedef {import("./types.js").Wording} Wording
 */

/** Longest wait for a file, in ms. */
const FILE_MS = 60000;

/** What went wrong: `{"error": {"code", "message"}}` of the server, or what the page itself found. */
export class ApiError extends Error {
  /** @param {string} code @param {Wording} words @param {number} status of the answer; 0 when none came */
  constructor(code, words, status = 0) {
    super(String(words));
    this.code = code;
    this.words = words;
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
  /** @type {Record<string, string>} */
  const headers = {};
  if (TOKEN) headers.Authorization = `Bearer ${TOKEN}`;
  if (type) headers["Content-Type"] = type;
  let response;
  try {
    response = await fetch(path, { method, headers, body, keepalive, cache: "no-store", signal: AbortSignal.timeout(timeout) });
  } catch (error) {
    throw unanswered(error);
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

/**
 * A response's body. It may break off, or be no JSON: a proxy's page.
 *
 * @template T @param {() => Promise<T>} read such as `() => response.blob()` @returns {Promise<T>} @throws {ApiError}
 */
export async function received(read) {
  try {
    return await read();
  } catch (error) {
    throw unanswered(error);
  }
}

/**
 * What an element that makes its own requests, which carry no headers of ours, can show or save: with a token a copy.
 *
 * @param {string} path @returns {Promise<string>} an address; `release` it when it is of no more use @throws {ApiError}
 */
export async function fetchable(path) {
  if (!TOKEN) return path;
  const response = await request("GET", path, { timeout: FILE_MS });
  return URL.createObjectURL(await received(() => response.blob()));
}

/** @param {string | null} url of `fetchable` */
export function release(url) {
  if (url?.startsWith("blob:")) URL.revokeObjectURL(url);
}

/** @param {string} method @param {string} path @param {object} [body] @returns {Promise<any>} JSON; null for 204 @throws {ApiError} */
export async function ask(method, path, body) {
  const response = await request(method, path, body && { body: JSON.stringify(body), type: "application/json" });
  return response.status === 204 ? null : received(() => response.json());
}

/** @param {unknown} error of `fetch` or of reading its answer @returns {ApiError} */
function unanswered(error) {
  if (error instanceof DOMException && error.name === "TimeoutError") return new ApiError("timeout", phrase("error.timeout"));
  return new ApiError("server-away", phrase("error.server_away"));
}

/** @param {Response} response @returns {Promise<ApiError>} */
async function refusal(response) {
  const fallback = phrase("error.http", { status: response.status });
  try {
    const { error } = await response.json();
    return new ApiError(error?.code ?? "http-error", error?.message || fallback, response.status);
  } catch {
    return new ApiError("http-error", fallback, response.status); // a proxy's HTML page, or nothing
  }
}

/** Why the server refused, as the end of a sentence. @param {ApiError | ServerError} error @returns {Phrase} */
export function why(error) {
  const words = error instanceof ApiError ? error.words : error.message;
  return new Phrase(() => (language === "zh" && ZH_SERVER[error.code]) || String(words));
}

/** The same as a sentence: the server's begin small, as they follow a code on a terminal. @param {ApiError | ServerError} error */
export function said(error) {
  const words = why(error);
  return new Phrase(() => capital(String(words)));
}

/** @param {string} text */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
