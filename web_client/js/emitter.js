/**
 * Events whose types and details are known: `on` and `emit` of a class that extends this.
 *
 * @template {Record<string, unknown>} Details by event
 */
export class Emitter {
  #target = new EventTarget();

  /**
   * @template {keyof Details & string} Name
   * @param {Name} name @param {(detail: Details[Name]) => void} listener
   */
  on(name, listener) {
    this.#target.addEventListener(name, (event) => listener(/** @type {CustomEvent<Details[Name]>} */ (event).detail));
  }

  /**
   * @protected @template {keyof Details & string} Name
   * @param {Name} name @param {Details[Name]} detail
   */
  emit(name, detail) {
    this.#target.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
