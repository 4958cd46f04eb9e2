/** Elements made in one expression, and what the server refuses said in one. */
import { ApiError, said } from "./api.js";
import { Phrase, write, writeAttribute } from "./i18n.js";

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @typedef {Omit<Partial<HTMLElementTagNameMap[Tag]>, "dataset" | keyof Worded> & Worded & {dataset?: Record<string, string>}} Properties
 */
/** @typedef {{title?: Wording, placeholder?: Wording, ariaLabel?: Wording, role?: string}} Worded */
/** @typedef {import("./types.js").Wording} Wording */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Properties<Tag>} [properties] of the element
 * @param {...(Node | Wording)} children a phrase becomes the element's own text
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, properties, ...children) {
  const made = document.createElement(tag);
  const { dataset = {}, role, title, placeholder, ariaLabel, ...plain } = properties ?? {};
  Object.assign(made, plain);
  Object.assign(made.dataset, dataset);
  if (role !== undefined) made.setAttribute("role", role); // not every browser has these as properties
  if (ariaLabel !== undefined) writeAttribute(made, "aria-label", ariaLabel);
  if (title !== undefined) writeAttribute(made, "title", title);
  if (placeholder !== undefined) writeAttribute(made, "placeholder", placeholder);
  made.append(...children.map((child) => (child instanceof Phrase ? String(child) : child)));
  for (const child of children) if (child instanceof Phrase) write(made, child);
  return made;
}

/** Does something that the server may refuse, and says in `place` why it did. @param {HTMLElement} place @param {() => Promise<any>} act */
export async function attempt(place, act) {
  place.hidden = true;
  try {
    await act();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    write(place, said(error));
    place.hidden = false;
  }
}
