/**
 * The token of the page's address. It stands in the fragment (#token=...), which a browser sends to nobody: no log, no
 * proxy and no other site gets it. Requests carry it in a header, WebSockets as a subprotocol.
 */
const fragment = new URLSearchParams(location.hash.slice(1));

/** @type {string | null} */
export const TOKEN = fragment.get("token") || null;

/** Another value of the fragment. @param {string} name @returns {string | null} */
export const inFragment = (name) => fragment.get(name);

/** @param {string} path without a fragment @param {Record<string, string>} [more] @returns {string} for a link to a page */
export function withFragment(path, more = {}) {
  const all = new URLSearchParams(TOKEN ? { token: TOKEN, ...more } : more).toString();
  return all ? `${path}#${all}` : path;
}

/** @param {string} path from the page's own folder @returns {WebSocket} */
export function openSocket(path) {
  const url = new URL(path, location.href);
  url.hash = "";
  const protocols = TOKEN ? ["face3d", `face3d.token.${base64url(TOKEN)}`] : [];
  return new WebSocket(url.href.replace(/^http/, "ws"), protocols);
}

/** @param {string} text */
function base64url(text) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

// An address with a token that is opened in a tab of this page changes the fragment alone.
addEventListener("hashchange", () => {
  if (new URLSearchParams(location.hash.slice(1)).get("token") !== TOKEN) location.reload();
});
