/** Elements made in one expression, requests that speak JSON, and what the server says as sentences. */
import { ApiError, request } from "./api.js";
import { language } from "./i18n.js";
import { ZH_ERRORS } from "./i18n_zh.js";

/** @param {string} tag @param {object} [properties] of the element @param {...(Node | string)} children */
export function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  const { dataset = {}, ...plain } = properties;
  Object.assign(made, plain);
  Object.assign(made.dataset, dataset);
  made.append(...children);
  return made;
}

/** @param {string} method @param {string} path @param {object} [body] @returns {Promise<any>} @throws {ApiError} */
export async function ask(method, path, body) {
  const response = await request(method, path, body && { body: JSON.stringify(body), type: "application/json" });
  return response.status === 204 ? null : response.json();
}

/** Why the server refused, as the end of a sentence. @param {{code: string, message: string}} error */
export function why({ code, message }) {
  return (language === "zh" && ZH_ERRORS[code]) || message;
}

/** @param {{code: string, message: string}} error which begins small, as it follows a code on a terminal */
export function said(error) {
  const text = why(error);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Do something that the server may refuse, and say in `place` why it did. @param {HTMLElement} place @param {() => Promise<any>} act */
export async function attempt(place, act) {
  place.hidden = true;
  try {
    await act();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    place.textContent = said(error);
    place.hidden = false;
  }
}
