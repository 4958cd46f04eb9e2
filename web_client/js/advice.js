/** What the server refuses and warns of, in the page's language: its sentences come with their translations. */
import { ApiError, request } from "./api.js";
import { language, tr } from "./i18n.js";
import { ZH_ERRORS } from "./i18n_zh.js";

/** @type {Promise<Record<string, {en: string, zh: string}>> | undefined} asked for once */
let table;

function sentences() {
  table ??= request("GET", "api/advice").then((response) => response.json()).catch(() => {
    table = undefined; // another time perhaps
    return {};
  });
  return table;
}

/** @param {{code: string, message: string}} error @returns {Promise<string>} */
export async function sentence({ code, message }) {
  const known = (await sentences())[code];
  if (known) return known[language];
  return (language === "zh" && ZH_ERRORS[code]) || tr(message);
}

/** @param {ApiError} error @returns {Promise<[string, string]>} what is wrong, and its cure */
export async function inTwo(error) {
  const [what, ...cure] = (await sentence(error)).split(/: |：/);
  return cure.length ? [capital(what), capital(cure.join(": ")) + (language === "zh" ? "。" : ".")] : [tr("This does not work"), capital(what)];
}

/** @param {string} code of a warning @returns {Promise<string>} */
export async function warningText(code) {
  return capital((await sentences())[code]?.[language] ?? code);
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
