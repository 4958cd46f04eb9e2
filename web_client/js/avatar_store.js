/** The avatars that were dropped before, kept in this browser: the file and a picture of each. */
import { attempted, done, store } from "./database.js";

/** @typedef {{name: string, file: Blob, picture: Blob, used: number}} Stored used: when, ms */

const MOST = 8, STORE = "avatars";

/** @returns {Promise<Stored[]>} the newest first */
export const storedAvatars = () => attempted(async () => {
  /** @type {Stored[]} */
  const all = await done((await store(STORE, "readonly")).getAll());
  return all.sort((a, b) => b.used - a.used);
}, []);

/** Keeps one; beyond `MOST` the one unused for longest goes. @param {string} name @param {Blob} file @param {Blob} picture */
export const storeAvatar = (name, file, picture) => attempted(async () => {
  await done((await store(STORE, "readwrite")).put({ name, file, picture, used: Date.now() }));
  for (const { name: old } of (await storedAvatars()).slice(MOST)) await forgetAvatar(old);
}, undefined);

/** @param {string} name */
export const forgetAvatar = (name) => attempted(async () => { await done((await store(STORE, "readwrite")).delete(name)); }, undefined);
