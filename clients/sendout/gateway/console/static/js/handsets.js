// The simulator's phones: what arrived, as it arrives, and answers from them.

import { announce, element, foreign, icon, plural, visible } from "./dom.js";
import { attend, call } from "./server.js";
import { told } from "./times.js";

const TOGETHER_MS = 200; // in which news is looked at once
const AGAIN_MS = 1500; // after a look that did not work
const MOST_PHONES = 100;
const MOST_TEXTS = 100;
const MARKED = /(⟨U\+[0-9A-F]{4,6}⟩)/u;

/** The phone that the page's address names; empty where that names none, such as the link that skips the toolbar. */
function addressed() {
  const name = decodeURIComponent(location.hash.slice(1));
  return name.startsWith("+") ? name : "";
}

/** The list of phones beside the chosen one; looks again whenever the server tells what became of messages. */
class Handsets extends HTMLElement {
  connectedCallback() {
    this.number = addressed();
    this.known = "";
    this.look();
    attend("/v1/events:stream", () => this.lookSoon(TOGETHER_MS));
    addEventListener("hashchange", () => addressed() && this.choose(addressed()));
  }

  lookSoon(milliseconds) {
    this.timer ??= setTimeout(() => this.look(), milliseconds);
  }

  /** Asks the server, and again in a moment where that did not work. */
  async look() {
    clearTimeout(this.timer);
    this.timer = undefined;
    try {
      const { handsets = [] } = await call("GET", `/v1/simulator/handsets?page_size=${MOST_PHONES}`);
      if (handsets.length && !this.number) this.number = handsets[0].phoneNumber;
      const number = this.number;
      const messages = number ? await this.texts(number) : [];
      if (number !== this.number) return; // another one was chosen meanwhile, and is being asked for
      this.trouble?.remove();
      this.trouble = undefined;
      this.show(handsets, messages);
    } catch (error) {
      this.complain(error);
      this.lookSoon(AGAIN_MS);
    }
  }

  async texts(number) {
    const answer = await call("GET", `/v1/simulator/handsets/${encodeURIComponent(number)}/messages?page_size=${MOST_TEXTS}`);
    return (answer.messages || []).reverse();
  }

  complain(error) {
    if (this.trouble) return;
    const words = element("span", {}, `${error.message} Trying again by itself.`);
    this.trouble = element("p", { class: "notice warning", role: "alert" }, icon("warning"), words);
    this.querySelector(".loading")?.remove();
    this.before(this.trouble);
  }

  choose(number) {
    this.number = number;
    this.querySelector(".phone")?.remove();
    this.look();
  }

  show(handsets, messages) {
    if (!handsets.length) return this.showNothing();
    const state = JSON.stringify([this.number, handsets, messages]);
    if (state === this.known) return;
    this.known = state;
    if (!this.list) {
      this.list = element("ul", { class: "phones", "aria-label": "Phones" });
      this.replaceChildren(this.list);
    }
    this.showList(handsets);
    this.showPhone(messages);
  }

  showNothing() {
    if (this.querySelector(".empty")) return;
    const words = element("p", {}, "Send a notification to any number, such as +1 415 555 0101, and it arrives here.");
    const send = element("p", {}, element("a", { class: "button", href: "/send" }, "Send Notifications"));
    this.list = undefined;
    this.replaceChildren(element("div", { class: "empty" }, icon("phone"), element("h2", {}, "No phone has received anything yet"), words, send));
  }

  showList(handsets) {
    const focused = document.activeElement?.closest(".phones button")?.dataset.number;
    this.list.replaceChildren(...handsets.map((one) => element("li", {}, this.phoneButton(one))));
    if (focused) this.list.querySelector(`[data-number="${CSS.escape(focused)}"]`)?.focus();
  }

  phoneButton(handset) {
    const number = handset.phoneNumber;
    const click = () => (location.hash = encodeURIComponent(number));
    return element(
      "button",
      { type: "button", "data-number": number, "aria-pressed": String(number === this.number), click },
      icon("phone"),
      element("strong", {}, number),
      element("small", {}, `${plural(handset.messageCount, "text")}, ${told(handset.lastTime, "short")}`),
    );
  }

  showPhone(messages) {
    let phone = this.querySelector(".phone");
    if (!phone) {
      phone = this.phone();
      this.append(phone);
    }
    const list = phone.querySelector(".texts");
    const before = list.childElementCount;
    list.replaceChildren(...messages.map(bubble));
    const last = messages.at(-1);
    if (before && messages.length > before && !last.fromHandset) announce(`New text from ${last.sender}: ${visible(last.text)}`);
    list.scrollTop = list.scrollHeight;
    this.showSenders(phone.querySelector("select"), messages);
  }

  phone() {
    const problem = element("p", { class: "notice problem", role: "alert", hidden: true });
    const text = element("textarea", { id: "answer-text", rows: 1, placeholder: "Answer back", "aria-label": "Answer" });
    const form = element(
      "form",
      { class: "answer" },
      problem,
      element("div", { "data-to": "" }, element("label", { for: "answer-to" }, "To"), element("select", { id: "answer-to" })),
      element("div", { class: "line" }, text, element("button", { type: "submit", class: "button", title: "Send", "aria-label": "Send the answer" }, icon("send"))),
    );
    text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.answer(form, text, problem);
    });
    return element(
      "section",
      { class: "phone", "aria-label": `Phone ${this.number}` },
      element("header", {}, element("h2", {}, this.number)),
      element("ol", { class: "texts", "aria-label": "Texts", tabindex: 0 }),
      form,
    );
  }

  /** Whom the phone can write to: everybody who wrote to it, latest first. */
  showSenders(select, messages) {
    const senders = [...new Set(messages.map((one) => one.sender).reverse())];
    if (senders.join() === [...select.options].map((one) => one.value).join()) return;
    const chosen = select.value;
    select.replaceChildren(...senders.map((one) => element("option", { value: one }, visible(one))));
    if (senders.includes(chosen)) select.value = chosen;
    select.closest("[data-to]").hidden = senders.length < 2;
  }

  async answer(form, text, problem) {
    problem.hidden = true;
    text.removeAttribute("aria-invalid");
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const sender = form.querySelector("select").value;
      await call("POST", `/v1/simulator/handsets/${encodeURIComponent(this.number)}:send`, { sender, text: text.value });
      text.value = "";
      await this.look();
    } catch (error) {
      problem.replaceChildren(foreign(error.violations[0]?.description || error.message));
      problem.hidden = false;
      text.setAttribute("aria-invalid", "true");
    }
    button.disabled = false;
    text.focus();
  }
}

/** One text. Nothing in it is markup, and what would be invisible is marked. */
function bubble(message) {
  const mine = Boolean(message.fromHandset);
  const who = mine ? "You" : visible(message.sender);
  const note = `${who}, ${told(message.receiveTime, "short")}${message.segments > 1 ? `, ${plural(message.segments, "segment")}` : ""}`;
  const pieces = visible(message.text).split(MARKED).map((piece) => (MARKED.test(piece) ? element("mark", {}, piece) : piece));
  return element("li", { class: mine ? "sent" : "came" }, element("p", {}, element("bdi", {}, ...pieces)), element("small", {}, note));
}

customElements.define("so-handsets", Handsets);
