/** What the server refuses and warns of in a photo, in the page's language: its sentences come with their translations. */
import { ask, capital, why } from "./api.js";
import { language, Phrase, tr } from "./i18n.js";

/**
 * @typedef {import("./types.js").Advice} Advice
 * @typedef {import("./api.js").ApiError | import("./types.js").ServerError} Refusal
 */

/** @type {Promise<Advice> | undefined} asked for once */
let table;

/** @returns {Promise<Advice>} */
function sentences() {
  table ??= ask("GET", "api/advice").catch(() => {
    table = undefined; // another time perhaps
    return {};
  });
  return table;
}

/** @param {Refusal} error @returns {Promise<Phrase>} */
export async function sentence(error) {
  const known = (await sentences())[error.code], other = why(error);
  return new Phrase(() => known?.[language] ?? String(other));
}

/** @param {Refusal} error @returns {Promise<import("./types.js").Trouble>} what is wrong, and its cure */
export async function inTwo(error) {
  const words = await sentence(error);
  const parts = () => {
    const [what = "", ...cure] = String(words).split(/: |：/);
    if (!cure.length) return { what: tr("error.title"), cure: capital(what) };
    return { what: capital(what), cure: capital(cure.join(": ")) + (language === "zh" ? "。" : ".") };
  };
  return [new Phrase(() => parts().what), new Phrase(() => parts().cure)];
}

/** @param {string} code of a warning @returns {Promise<Phrase>} */
export async function warningText(code) {
  const known = (await sentences())[code];
  return new Phrase(() => capital(known?.[language] ?? code));
}
