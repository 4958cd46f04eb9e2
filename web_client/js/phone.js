/** A phone as the camera: the QR code of this server's address in the network, and how to trust its certificate. */
import { ask } from "./api.js";
import { $, button, byId } from "./dom.js";
import { attempt, make } from "./elements.js";
import { phrase } from "./i18n.js";

/**
 * @typedef {{url: string, host: string, qr: string}} Address
 * @typedef {{addresses: Address[], reason: "loopback" | "no-https" | null, fingerprint: string | null}} Ways
 */

/** @type {Record<string, import("./types.js").PlainKey>} why a phone cannot be the camera yet */
const REASONS = { loopback: "phone.loopback", "no-https": "phone.no_https" };

const dialog = byId("phone", HTMLDialogElement);
const trouble = make("p", { hidden: true, role: "alert" });

/** @param {Ways} ways */
function show({ addresses, reason, fingerprint }) {
  const [first] = addresses;
  const parts = [...(reason ? [make("p", {}, phrase(REASONS[reason] ?? "phone.loopback"))] : [])];
  if (first) {
    parts.push(...code(addresses, first));
    if (fingerprint) {
      parts.push(make("p", {}, phrase("phone.trust", { address: new URL("ca.crt", first.url).href })));
      parts.push(make("p", {}, phrase("phone.fingerprint", { fingerprint })));
    }
  }
  $("phone-body").replaceChildren(...parts);
}

/** The code of one address, and the others to choose from. @param {Address[]} addresses @param {Address} first */
function code(addresses, first) {
  const picture = make("img", { alt: "" }), text = make("p");
  const buttons = addresses.map((address) => {
    const choice = make("button", { type: "button", className: "small", onclick: () => choose(address) }, address.host);
    choice.setAttribute("aria-pressed", "false");
    return choice;
  });

  /** @param {Address} address */
  function choose(address) {
    if (picture.src) URL.revokeObjectURL(picture.src);
    picture.src = URL.createObjectURL(new Blob([address.qr], { type: "image/svg+xml" }));
    text.textContent = address.url;
    buttons.forEach((choice, at) => choice.setAttribute("aria-pressed", String(addresses[at] === address)));
  }

  choose(first);
  const hosts = make("div", { className: "hosts", hidden: addresses.length < 2 }, ...buttons);
  return [make("p", {}, phrase("phone.scan")), picture, hosts, text];
}

button("phone-open").addEventListener("click", () => {
  $("phone-body").replaceChildren(trouble);
  dialog.showModal();
  attempt(trouble, async () => show(await ask("GET", "api/phone")));
});
button("phone-close").addEventListener("click", () => dialog.close());
