/** The avatars that were dropped before, kept in this browser (IndexedDB): the file and a picture of each. */

/** @typedef {{name: string, file: Blob, picture: Blob, used: number}} Stored used: when, ms */

const MOST = 8;
const DATABASE = "face3d", STORE = "avatars";

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error ?? new DOMException("", "UnknownError"));
});

/** @param {IDBTransactionMode} mode @returns {Promise<IDBObjectStore>} */
async function store(mode) {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "name" });
  return (await done(opening)).transaction(STORE, mode).objectStore(STORE);
}

/** @template T @param {() => Promise<T>} act @param {T} otherwise in a private window, or on a full disk @returns {Promise<T>} */
async function attempted(act, otherwise) {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof DOMException || error instanceof ReferenceError || error instanceof TypeError)) throw error;
    return otherwise;
  }
}

/** @returns {Promise<Stored[]>} the newest first */
export const storedAvatars = () => attempted(async () => {
  /** @type {Stored[]} */
  const all = await done((await store("readonly")).getAll());
  return all.sort((a, b) => b.used - a.used);
}, []);

/** Keeps one; beyond `MOST` the one unused for longest goes. @param {string} name @param {Blob} file @param {Blob} picture */
export const storeAvatar = (name, file, picture) => attempted(async () => {
  await done((await store("readwrite")).put({ name, file, picture, used: Date.now() }));
  for (const { name: old } of (await storedAvatars()).slice(MOST)) await forgetAvatar(old);
}, undefined);

/** @param {string} name */
export const forgetAvatar = (name) => attempted(async () => { await done((await store("readwrite")).delete(name)); }, undefined);
