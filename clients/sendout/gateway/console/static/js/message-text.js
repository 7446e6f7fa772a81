// The text, with snippets behind `/tag` and an emoji panel where the contact point allows emoji.

import { announce, element, plural } from "./dom.js";
import { all } from "./server.js";

const TAG = /(?:^|\s)\/([^\s/]*)$/;
const EMOJI = Object.entries({
  "😀": "grinning face", "😊": "smiling face", "😉": "winking face", "🙂": "slightly smiling face", "😍": "face with heart eyes",
  "🤔": "thinking face", "😅": "grinning face with sweat", "😢": "crying face", "🙏": "folded hands", "👍": "thumbs up",
  "👎": "thumbs down", "👋": "waving hand", "👏": "clapping hands", "💪": "flexed arm", "❤️": "red heart", "💙": "blue heart",
  "🎉": "party popper", "🎁": "present", "🎂": "birthday cake", "⭐": "star", "✨": "sparkles", "🔥": "fire", "☀️": "sun",
  "🌧️": "rain", "❄️": "snowflake", "⚡": "lightning", "✅": "check mark", "❌": "cross mark", "⚠️": "warning sign",
  "❗": "exclamation mark", "❓": "question mark", "⏰": "alarm clock", "📅": "calendar", "📍": "pin", "📞": "telephone",
  "📱": "mobile phone", "✉️": "envelope", "📦": "package", "🚚": "delivery truck", "🚗": "car", "✈️": "aeroplane", "🏠": "house",
  "🏥": "hospital", "💊": "pill", "💳": "credit card", "💰": "money bag", "🔧": "wrench", "🔑": "key",
});

/** Fires `change` whenever the text is another one. */
class MessageText extends HTMLElement {
  connectedCallback() {
    this.area = this.querySelector("textarea");
    this.list = this.querySelector("#snippets");
    this.panel = this.querySelector("#emoji");
    this.emojiButton = this.querySelector("[data-emoji]");
    this.snippets = null;
    this.area.addEventListener("input", () => {
      this.changed();
      this.lookForTag();
    });
    this.area.addEventListener("keydown", (event) => this.keyed(event));
    this.area.addEventListener("blur", () => this.closeSnippets());
    this.querySelector("[data-snippets]").addEventListener("click", () => {
      const before = this.area.value.slice(0, this.area.selectionStart);
      this.insert(before === "" || /\s$/.test(before) ? "/" : " /");
      this.lookForTag();
    });
    this.emojiButton.addEventListener("click", () => this.toggleEmoji(this.panel.hidden));
    this.panel.append(...EMOJI.map(([emoji, name]) => element("button", { type: "button", "aria-label": name, title: name, click: () => this.insert(emoji) }, emoji)));
    this.panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.toggleEmoji(false);
      this.emojiButton.focus();
    });
    document.addEventListener("click", (event) => {
      if (!this.panel.contains(event.target) && !this.emojiButton.contains(event.target)) this.toggleEmoji(false);
    });
  }

  get value() {
    return this.area.value;
  }

  set value(text) {
    this.area.value = text;
    this.changed();
  }

  /** Whether the contact point allows emoji. */
  allowEmoji(allowed) {
    this.emojiButton.hidden = !allowed;
    if (!allowed) this.toggleEmoji(false);
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** Put something in at the cursor. */
  insert(text) {
    this.area.focus();
    this.area.setRangeText(text, this.area.selectionStart, this.area.selectionEnd, "end");
    this.changed();
  }

  toggleEmoji(open) {
    this.panel.hidden = !open;
    this.emojiButton.setAttribute("aria-expanded", String(open));
    if (open) this.panel.querySelector("button").focus();
  }

  async lookForTag() {
    const typed = TAG.exec(this.area.value.slice(0, this.area.selectionStart));
    if (!typed) return this.closeSnippets();
    try {
      this.snippets ??= await all("/v1/snippets", "snippets");
    } catch (error) {
      this.offered = [];
      return this.showSnippets(error.message);
    }
    const now = TAG.exec(this.area.value.slice(0, this.area.selectionStart));
    if (!now) return this.closeSnippets();
    const wanted = now[1].toLowerCase();
    this.offered = this.snippets.filter((snippet) => snippet.tag.toLowerCase().includes(wanted)).slice(0, 50);
    this.offered.sort((one, other) => other.tag.toLowerCase().startsWith(wanted) - one.tag.toLowerCase().startsWith(wanted));
    this.showSnippets();
  }

  /** The snippets on offer; where there is none, why. */
  showSnippets(none = "No snippet has such a tag.") {
    this.list.replaceChildren(...this.offered.map((snippet, index) =>
      element("li", { id: `snippet-${index}`, role: "option", "aria-selected": "false", pointerdown: (event) => {
        event.preventDefault();
        this.choose(index);
      } }, element("strong", {}, `/${snippet.tag}`), element("span", {}, snippet.text))));
    if (!this.offered.length) this.list.append(element("li", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, none));
    this.list.hidden = false;
    this.area.setAttribute("aria-controls", "snippets");
    this.select(0);
    announce(this.offered.length ? `${plural(this.offered.length, "snippet")}. Choose with the arrow keys and Enter.` : none);
  }

  select(index) {
    if (!this.offered.length) return this.area.removeAttribute("aria-activedescendant");
    this.selected = (index + this.offered.length) % this.offered.length;
    [...this.list.children].forEach((option, place) => option.setAttribute("aria-selected", String(place === this.selected)));
    this.list.children[this.selected].scrollIntoView({ block: "nearest" });
    this.area.setAttribute("aria-activedescendant", `snippet-${this.selected}`);
  }

  keyed(event) {
    if (this.list.hidden) return;
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves) this.select(this.selected + moves[event.key]);
    else if ((event.key === "Enter" || event.key === "Tab") && this.offered.length) this.choose(this.selected);
    else if (event.key === "Escape") this.closeSnippets();
    else return;
    event.preventDefault();
  }

  /** The snippet's text takes the place of the tag; what is sent is this text, whatever becomes of the snippet (S25). */
  choose(index) {
    const end = this.area.selectionStart;
    const typed = TAG.exec(this.area.value.slice(0, end));
    this.area.setRangeText(this.offered[index].text, end - typed[1].length - 1, end, "end");
    this.closeSnippets();
    this.changed();
  }

  closeSnippets() {
    this.list.hidden = true;
    this.area.removeAttribute("aria-controls");
    this.area.removeAttribute("aria-activedescendant");
  }
}

customElements.define("so-text", MessageText);
