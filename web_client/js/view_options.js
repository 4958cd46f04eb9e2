/** The options of /view: read from its address, and written into one. */

/**
 * @typedef {object} ViewOptions
 * @property {string} background a CSS background
 * @property {boolean} image the picture that this browser keeps is the background
 * @property {boolean} quiet no text, whatever happens
 * @property {string} session empty: the newest
 * @property {boolean} mirror
 * @property {boolean} cover
 * @property {string[]} wrong what of the address is no option, or no value of one
 */

const STUDIO = "radial-gradient(circle at 50% 42%, rgb(92 99 110), rgb(24 27 33) 75%)";
const COLOUR = /^[0-9a-f]{3}([0-9a-f]{3})?$/i;

/** By option: what its values look like. @type {Record<string, RegExp>} */
const OPTIONS = {
  bg: /^(transparent|studio|image|[0-9a-f]{3}|[0-9a-f]{6})$/i, ui: /^[01]$/, session: /^[\w-]{1,64}$/, mirror: /^[01]$/, fit: /^(contain|cover)$/,
};

/** @param {string} search of an address, with its question mark @returns {ViewOptions} wrong ones as if they were left out */
export function readOptions(search) {
  const query = new URLSearchParams(search);
  const wrong = [...query].filter(([name, value]) => !OPTIONS[name]?.test(value)).map(([name, value]) => `${name}=${value}`);
  /** @param {string} name */
  const valid = (name) => (OPTIONS[name]?.test(query.get(name) ?? "") ? query.get(name) ?? "" : "");
  const colour = valid("bg");
  return {
    background: colour === "studio" ? STUDIO : COLOUR.test(colour) ? `#${colour}` : "transparent", image: colour === "image",
    quiet: valid("ui") === "0", session: valid("session"), mirror: valid("mirror") === "1", cover: valid("fit") === "cover", wrong,
  };
}

/** What the page says of an address, "" where nothing is wrong. @param {string[]} wrong of `readOptions` @returns {string} */
export function complaint(wrong) {
  if (!wrong.length) return "";
  const address = wrong.some((each) => /^bg=.*[./\\:]/.test(each));
  const cure = "A picture's address is not taken as bg: choose the picture in the main page's Outputs tab, then bg=image shows it. ";
  return `Not an option of this page: ${wrong.join(", ")}. ${address ? cure : ""}See docs/obs.md. `;
}

/** @param {{background: string, mirror: boolean}} chosen background: transparent, studio, image, or a colour without its # */
export const viewPath = ({ background, mirror }) => `view?bg=${background}&ui=0${mirror ? "&mirror=1" : ""}`;
