/** What head.vrm says of its author and of who may use it: a form below the files. */
import { make } from "../elements.js";
import { phrase } from "../i18n.js";

/** @typedef {import("../types.js").PlainKey} PlainKey */

/** VRM 1.0's permissions with more than two values, the strictest first, as `face3d_live/export/vrm_meta.py` has them. @type {Record<string, [key: string, name: PlainKey][]>} */
const CHOICES = {
  avatarPermission: [["onlyAuthor", "vrm.only_author"], ["onlySeparatelyLicensedPerson", "vrm.licensed"], ["everyone", "vrm.everyone"]],
  commercialUsage: [["personalNonProfit", "vrm.non_profit"], ["personalProfit", "vrm.profit"], ["corporation", "vrm.corporation"]],
  modification: [["prohibited", "vrm.prohibited"], ["allowModification", "vrm.allowed"], ["allowModificationRedistribution", "vrm.allowed_redistribution"]],
  creditNotation: [["required", "vrm.required"], ["unnecessary", "vrm.unnecessary"]],
};
/** @type {Record<string, PlainKey>} */
const NAMES = { avatarPermission: "vrm.who", commercialUsage: "vrm.commercial", modification: "vrm.modification", creditNotation: "vrm.credit" };
/** @type {[key: string, name: PlainKey][]} */
const SWITCHES = [
  ["allowRedistribution", "vrm.redistribution"], ["allowExcessivelyViolentUsage", "vrm.violent"], ["allowExcessivelySexualUsage", "vrm.sexual"],
  ["allowPoliticalOrReligiousUsage", "vrm.political"], ["allowAntisocialOrHateUsage", "vrm.hate"],
];

export class VrmForm {
  #name = make("input", { type: "text", id: "vrm-name", maxLength: 100, autocomplete: "off" });
  #author = make("input", { type: "text", id: "vrm-author", maxLength: 100, autocomplete: "off" });
  #choices = Object.entries(CHOICES).map(([key, values]) => make("select", { name: key, autocomplete: "off" },
    ...values.map(([value, name]) => make("option", { value }, phrase(name)))));
  #switches = SWITCHES.map(([name]) => make("input", { type: "checkbox", name, autocomplete: "off" }));
  element = make("details", { className: "more", id: "vrm" }, make("summary", {}, phrase("vrm.title")),
    row("vrm.name", this.#name), row("vrm.author", this.#author),
    ...this.#choices.map((list) => row(NAMES[list.name] ?? "vrm.title", list)),
    ...this.#switches.map((box, i) => make("label", { className: "switch" }, box, make("span", {}, phrase(SWITCHES[i]?.[1] ?? "vrm.title")))),
    make("p", { className: "hint" }, phrase("vrm.hint")));

  /** What was said, as the address of head.vrm takes it. @returns {string} with its question mark, "" for nothing */
  get query() {
    const said = new URLSearchParams();
    if (this.#name.value.trim()) said.set("name", this.#name.value.trim());
    if (this.#author.value.trim()) said.set("author", this.#author.value.trim());
    for (const list of this.#choices) if (list.selectedIndex > 0) said.append("licence", `${list.name}=${list.value}`);
    for (const box of this.#switches) if (box.checked) said.append("licence", `${box.name}=true`);
    return said.size ? `?${said}` : "";
  }
}

/** @param {PlainKey} name @param {HTMLElement} control */
const row = (name, control) => make("label", { className: "edit-row" }, make("span", {}, phrase(name)), control);
