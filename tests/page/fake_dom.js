/** As much of the DOM as the tested modules use. `page(html)` makes a document of a page's text and puts it in place. */

const VOID = new Set(["meta", "link", "img", "input", "br", "path", "circle", "rect"]);
const KINDS = { a: "Anchor", button: "Button", canvas: "Canvas", fieldset: "FieldSet", input: "Input", select: "Select", video: "Video", img: "Image" };

class FakeNode extends EventTarget {
  parentElement = null;

  remove() {
    if (this.parentElement) this.parentElement.childNodes = this.parentElement.childNodes.filter((node) => node !== this);
    this.parentElement = null;
  }
}

export class FakeText extends FakeNode {
  nodeType = 3;

  constructor(data) {
    super();
    this.data = data;
  }

  get textContent() { return this.data; }
}

export class HTMLElement extends FakeNode {
  nodeType = 1;
  childNodes = [];
  style = { setProperty() {} };
  attributes = new Map();
  #classes = new Set();
  classList = {
    add: (name) => this.#classes.add(name),
    remove: (name) => this.#classes.delete(name),
    contains: (name) => this.#classes.has(name),
    toggle: (name, on = !this.#classes.has(name)) => (on ? this.#classes.add(name) : this.#classes.delete(name)),
  };
  dataset = new Proxy({}, {
    get: (_, name) => this.attributes.get(attributeOf(name)),
    set: (_, name, value) => Boolean(this.attributes.set(attributeOf(name), String(value))),
    deleteProperty: (_, name) => this.attributes.delete(attributeOf(name)) || true,
  });

  constructor(tag) {
    super();
    this.localName = tag;
  }

  getAttribute(name) { return this.attributes.get(name) ?? null; }
  setAttribute(name, value) { this.attributes.set(name, String(value)); }
  removeAttribute(name) { this.attributes.delete(name); }
  get children() { return this.childNodes.filter((node) => node.nodeType === 1); }
  get childElementCount() { return this.children.length; }
  get textContent() { return this.childNodes.map((node) => node.textContent).join(""); }
  set textContent(text) { this.replaceChildren(...(text === "" ? [] : [text])); }
  replaceChildren(...nodes) {
    for (const node of this.childNodes) node.parentElement = null;
    this.childNodes = [];
    this.append(...nodes);
  }

  append(...nodes) {
    for (const node of nodes) {
      const made = node instanceof FakeNode ? node : new FakeText(String(node));
      made.remove();
      made.parentElement = this;
      this.childNodes.push(made);
    }
  }

  /** Of selectors: a tag, #id, .class, [attribute], [attribute=value], and these together. */
  matches(selector) {
    const [, tag, rest] = selector.match(/^([a-z0-9]*)(.*)$/);
    if (tag && tag !== this.localName) return false;
    return [...rest.matchAll(/#([\w-]+)|\.([\w-]+)|\[([\w-]+)(?:="?([^"\]]*)"?)?\]/g)].every(([, id, name, attribute, value]) => {
      if (id) return this.getAttribute("id") === id;
      if (name) return (this.className ?? this.getAttribute("class") ?? "").split(" ").includes(name);
      return value === undefined ? this.attributes.has(attribute) : this.getAttribute(attribute) === value;
    });
  }

  querySelectorAll(selector) {
    return this.children.flatMap((child) => [...(child.matches(selector) ? [child] : []), ...child.querySelectorAll(selector)]);
  }

  querySelector(selector) { return this.querySelectorAll(selector)[0] ?? null; }
  click() { this.onclick?.(new Event("click")); this.dispatchEvent(new Event("click")); }
}

const attributeOf = (name) => `data-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

const classes = new Map(Object.entries(KINDS).map(([tag, kind]) => {
  const name = `HTML${kind}Element`;
  return [tag, { [name]: class extends HTMLElement {} }[name]];
}));

const create = (tag) => new (classes.get(tag) ?? HTMLElement)(tag);

const decoded = (text) => text.replace(/&nbsp;/g, "\u00a0").replace(/&amp;/g, "&");

/** @param {string} html well-formed, without scripts inside @returns {HTMLElement} what holds its elements */
export function parse(html) {
  const root = create("document");
  let at = root;
  for (const [, comment, end, tag, attributes, text] of html.matchAll(/(<!.*?>)|<\/([\w-]+)>|<([\w-]+)((?:[^>"]|"[^"]*")*)>|([^<]+)/gs)) {
    if (text) at.append(new FakeText(decoded(text)));
    else if (end) at = at.parentElement;
    else if (!comment) {
      const made = create(tag);
      for (const [, name, value = ""] of attributes.matchAll(/([\w-]+)(?:="([^"]*)")?/g)) made.setAttribute(name, decoded(value));
      at.append(made);
      if (!VOID.has(tag)) at = made;
    }
  }
  return root;
}

/** Puts names in the place of the browser's. @param {Record<string, unknown>} names */
export function install(names) {
  for (const [name, value] of Object.entries(names)) Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}

/**
 * A browser that shows a page. The modules that are imported afterwards find it.
 *
 * @param {string} html @param {{language?: string, search?: string, hash?: string, storage?: object}} of the browser
 * @returns {HTMLElement} the document
 */
export function page(html = "", { language = "en-US", search = "", hash = "", storage = memory() } = {}) {
  const root = parse(html), events = new EventTarget();
  const document = Object.assign(root, {
    documentElement: root.querySelector("html") ?? root,
    body: root.querySelector("body") ?? root,
    activeElement: null,
    createElement: create,
    createElementNS: (_, tag) => create(tag),
    getElementById: (id) => root.querySelector(`#${id}`),
  });
  install({
    document, HTMLElement, Node: { TEXT_NODE: 3 }, navigator: { language }, localStorage: storage,
    location: { search, hash, pathname: "/", href: `http://127.0.0.1:8080/${search}${hash}` },
    addEventListener: events.addEventListener.bind(events), removeEventListener: events.removeEventListener.bind(events),
    dispatchEvent: events.dispatchEvent.bind(events),
    CustomEvent: globalThis.CustomEvent ?? class CustomEvent extends Event {
      constructor(name, { detail }) {
        super(name);
        this.detail = detail;
      }
    },
    ...Object.fromEntries([...classes.values()].map((kind) => [kind.name, kind])),
  });
  return document;
}

/** A localStorage. @param {Record<string, string>} kept */
export function memory(kept = {}) {
  return { getItem: (name) => kept[name] ?? null, setItem: (name, value) => { kept[name] = value; } };
}
