/** Choices that this browser keeps from one visit to the next: small values by name, in one entry of the localStorage. */

/**
 * @typedef {object} Choices
 * @property {string} panel the tab that is open
 * @property {boolean} mirror
 * @property {string} view how the avatar is drawn
 * @property {string} avatar the gallery's key of what is worn
 * @property {import("./types.js").Style} hair of the own head
 * @property {import("./types.js").Style} glasses of the own head
 * @property {string} camera its device id
 * @property {string} microphone its device id
 * @property {string} resolution such as "640x480"
 * @property {number} rate frames per second
 * @property {Record<string, Record<string, number>>} expressions the user's own, by key
 * @property {string} viewBackground of the address for OBS
 * @property {boolean} viewMirror of the address for OBS
 * @property {boolean} guided the guided calibration was offered and taken or put off
 */

const STORE = "face3d-choices";

/** @type {Partial<Choices>} */
const choices = read();

/** @returns {Partial<Choices>} */
function read() {
  try {
    const plain = JSON.parse(localStorage.getItem(STORE) ?? "{}");
    return plain && typeof plain === "object" ? plain : {};
  } catch {
    return {}; // a private window, or not ours
  }
}

/** @template {keyof Choices} K @param {K} name @returns {Choices[K] | undefined} what was chosen, unchecked */
export const kept = (name) => choices[name];

/** @template {keyof Choices} K @param {K} name @param {Choices[K] | undefined} value undefined: forget it */
export function keep(name, value) {
  choices[name] = value;
  try {
    localStorage.setItem(STORE, JSON.stringify(choices));
  } catch { /* until the page is closed */ }
}
