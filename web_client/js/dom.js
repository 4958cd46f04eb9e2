/** The page's own elements. That one is missing or of another kind is a fault of the page, and said at once. */

/**
 * @template {HTMLElement} T
 * @param {string} id of an element that the page has @param {new () => T} kind what it is
 * @returns {T}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`#${id} is no ${kind.name}`);
  return found;
}

/**
 * @template {Element} T
 * @param {ParentNode} root @param {string} selector of an element that is there @param {new () => T} kind what it is
 * @returns {T}
 */
export function within(root, selector, kind) {
  const found = root.querySelector(selector);
  if (!(found instanceof kind)) throw new TypeError(`${selector} is no ${kind.name}`);
  return found;
}

/** @param {string} id */
export const $ = (id) => byId(id, HTMLElement);
/** @param {string} id */
export const button = (id) => byId(id, HTMLButtonElement);

/** What was chosen in a group of radio buttons, when one of them changed. @param {Event} event @returns {string} */
export const chosen = ({ target }) => (target instanceof HTMLInputElement ? target.value : "");
