// Makes elements. Text goes in as text and never as markup: what people send us is not trusted.

const SVG = "http://www.w3.org/2000/svg";
const BASE = new URL("..", import.meta.url).pathname;

/**
 * An element with attributes and children (elements or texts). An attribute that is false or null is left out;
 * a function is an event listener: `element("button", { type: "button", click: add }, "Add")`.
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A symbol of icons.svg; it says nothing to screen readers. */
export function icon(name) {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("class", "icon");
  made.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${BASE}icons.svg#${name}`);
  made.append(use);
  return made;
}

/** Text from outside, kept apart from what stands around it. */
export function foreign(text) {
  return element("bdi", {}, visible(text));
}

/** Text whose invisible and direction-changing characters are shown by their code points. */
export function visible(text) {
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]|[\u{e0000}-\u{e007f}]/gu, (character) =>
    `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

/** Says something to screen readers. */
export function announce(text) {
  document.getElementById("announcements").textContent = text;
}

/** "1 message", "2,000 messages". */
export function plural(count, one, many = `${one}s`) {
  return `${Number(count).toLocaleString("en")} ${Number(count) === 1 ? one : many}`;
}

/** Runs `work` once nothing has asked for it for so many milliseconds. */
export function debounced(work, milliseconds) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
  };
}
