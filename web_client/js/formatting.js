/** Saving files, and times and sizes in words. */
import { make } from "./elements.js";

/** @param {Blob} blob @param {string | null} disposition of the response @param {string} fallback */
export function save(blob, disposition, fallback) {
  const link = make("a", { download: disposition?.match(/filename="([^"]+)"/)?.[1] ?? fallback, href: URL.createObjectURL(blob) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 30000);
}

/** @param {number} seconds */
export const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
/** @param {number} bytes */
export const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
