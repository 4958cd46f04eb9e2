/** The panel's tabs. Which one is open is kept; who needs to know listens to the group's "change" events. */
import { $, chosen } from "./dom.js";
import { keep, kept } from "./kept.js";

const tabs = $("panel-tabs");

/** @param {string} name */
const radio = (name) => [...tabs.querySelectorAll("input")].find(({ value }) => value === name);

/** @returns {string} the open tab */
export const openedTab = () => [...tabs.querySelectorAll("input")].find(({ checked }) => checked)?.value ?? "";

/** @param {string} name of a tab to be opened */
export function openTab(name) {
  const input = radio(name);
  if (!input) return;
  input.checked = true;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Opens the tab of the last visit. Called once all pages of the panel listen. */
export function restoreTab() {
  openTab(String(kept("panel") ?? ""));
}

tabs.addEventListener("change", (event) => {
  const name = chosen(event);
  for (const page of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".panel > [data-tab]"))) {
    page.hidden = page.dataset.tab !== name;
  }
  keep("panel", name);
});
