/** Elements made in one expression, and requests that speak JSON. */
import { request } from "./api.js";

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
