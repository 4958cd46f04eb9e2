/** What this browser keeps of files (IndexedDB): a store for the avatars that were dropped, one for the backdrop of /view. */

const DATABASE = "face3d", VERSION = 2;
/** @type {Record<string, IDBObjectStoreParameters>} by store */
const STORES = { avatars: { keyPath: "name" }, backdrops: {} };

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
export const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error ?? new DOMException("", "UnknownError"));
});

/** @param {keyof typeof STORES} name @param {IDBTransactionMode} mode @returns {Promise<IDBObjectStore>} */
export async function store(name, mode) {
  const opening = indexedDB.open(DATABASE, VERSION);
  opening.onupgradeneeded = () => {
    for (const [each, options] of Object.entries(STORES)) {
      if (!opening.result.objectStoreNames.contains(each)) opening.result.createObjectStore(each, options);
    }
  };
  const database = await done(opening);
  database.onversionchange = () => database.close(); // another tab of a newer page need not wait
  return database.transaction(name, mode).objectStore(name);
}

/** @template T @param {() => Promise<T>} act @param {T} otherwise in a private window, or on a full disk @returns {Promise<T>} */
export async function attempted(act, otherwise) {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof DOMException || error instanceof ReferenceError || error instanceof TypeError)) throw error;
    return otherwise;
  }
}
