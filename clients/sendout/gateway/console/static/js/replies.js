// Replies: fills the list and the thread, and again whenever the server tells of news. What recipients wrote is theirs to
// choose: it only ever becomes text.

import { confirmed } from "./dialogs.js";
import { announce, element, foreign, plural } from "./dom.js";
import { all, attend, call, Refused } from "./server.js";
import { STATES } from "./states.js";
import { told } from "./times.js";

const TOGETHER = 200; // milliseconds in which news is looked at once
const AGAIN = 2000; // milliseconds until a look that did not work is tried again
const PAGE = 50;

const root = document.getElementById("replies");
const labels = new Map([...document.querySelectorAll("data.label")].map((one) => [one.value, one.textContent]));
const looks = new Set();
let soon;

/** Looks now and whenever there is news; says at `problem` when it does not work, until it does. */
function watch(look, problem) {
  const once = async () => {
    try {
      await look();
      problem.hidden = true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (problem.hidden) problem.textContent = `${error.message}${error.http === 403 ? " Ask an administrator: Outbound Roles › Start Conversations." : ""}`;
      problem.hidden = false;
      if (error.http === 403 || error.http === 404) looks.delete(once);
      else setTimeout(once, AGAIN);
    }
  };
  looks.add(once);
  once();
}

function news() {
  soon ??= setTimeout(() => {
    soon = undefined;
    looks.forEach((look) => look());
  }, TOGETHER);
}

function watchList() {
  const list = document.getElementById("conversations");
  const older = document.getElementById("older");
  const thread = document.querySelector("[data-conversation]");
  let size = PAGE;
  let shown = "";
  let latest = "";
  const link = (one) => element("li", {}, element("a", {
    class: "conversation",
    href: `/replies/${encodeURIComponent(one.conversationId)}${root.dataset.query ? `?${root.dataset.query}` : ""}`,
    "aria-current": one.conversationId === thread?.dataset.conversation ? "page" : false,
  },
  element("strong", {}, foreign(one.phoneNumber)),
  element("span", { class: "soft" }, told(one.updateTime, isToday(one.updateTime) ? "clock" : "day")),
  element("span", { class: "soft" }, foreign(labels.get(one.contactPointId) || one.contactPointId), `, ${plural(one.entryCount || 0, "text")}`),
  element("span", { class: "badges" },
    one.needsReview ? element("span", { class: "badge warn" }, "To be looked at") : null,
    one.state === "CONVERSATION_STATE_CLOSED" ? element("span", { class: "badge" }, "Closed") : null)));
  const look = async () => {
    const query = new URLSearchParams({ page_size: size });
    if (root.dataset.contactPoint) query.set("contact_point_id", root.dataset.contactPoint);
    if (root.dataset.state) query.set("state", root.dataset.state);
    if (root.dataset.review) query.set("needs_review", "true");
    const { conversations = [], nextPageToken } = await call("GET", `/v1/conversations?${query}`);
    const now = JSON.stringify(conversations);
    if (now === shown) return;
    shown = now;
    const focused = document.activeElement?.closest(".conversation")?.getAttribute("href");
    list.replaceChildren(...conversations.map(link));
    list.removeAttribute("aria-busy");
    if (focused) [...list.querySelectorAll("a")].find((one) => one.getAttribute("href") === focused)?.focus();
    document.getElementById("no-conversations").hidden = conversations.length > 0;
    older.hidden = !nextPageToken || size >= 1000;
    const first = conversations[0];
    if (latest && first && first.updateTime > latest) announce(`News from ${first.phoneNumber}`);
    latest = first?.updateTime || " ";
  };
  older.addEventListener("click", () => {
    size = Math.min(size * 4, 1000);
    shown = "";
    news();
  });
  watch(look, document.getElementById("list-problem"));
}

function isToday(moment) {
  return new Date(moment).toDateString() === new Date().toDateString();
}

function watchThread(section) {
  const path = `/v1/conversations/${encodeURIComponent(section.dataset.conversation)}`;
  const entries = document.getElementById("entries");
  const form = document.getElementById("answer");
  let shown = "";
  const bubble = (one) => {
    const ours = one.direction === "DIRECTION_OUTBOUND";
    const [state] = STATES[one.state] || [""];
    return element("li", { class: ours ? "entry ours" : "entry" },
      element("p", { class: "text" }, one.text ? foreign(one.text) : element("em", {}, "The text has been purged.")),
      element("p", { class: "soft" }, ours ? foreign(one.principalId || "Sendout") : "Recipient", ` · ${told(one.time, "short")}`, state ? ` · ${state}` : ""));
  };
  const look = async () => {
    const [{ conversation }, found] = await Promise.all([call("GET", `${path}?page_size=1`), all(path, "entries")]);
    const now = JSON.stringify([conversation, found]);
    if (now === shown) return;
    shown = now;
    entries.replaceChildren(...found.map(bubble));
    entries.removeAttribute("aria-busy");
    const closed = conversation.state === "CONVERSATION_STATE_CLOSED";
    form.hidden = closed;
    document.getElementById("close").hidden = closed;
    document.getElementById("closed").hidden = !closed;
    document.getElementById("review").hidden = !conversation.needsReview;
  };
  watch(look, document.getElementById("thread-problem"));
  takeAnswers(form, path, look);
  document.getElementById("close").addEventListener("click", () => close(path, look));
}

async function close(path, look) {
  if (!(await confirmed("Close this conversation?", "It stays closed. The recipient's next reply opens a new one.", "Close it"))) return;
  const problem = document.getElementById("thread-problem");
  try {
    await call("POST", `${path}:close`, {});
    problem.hidden = true;
    await look();
    document.getElementById("closed").focus();
    announce("The conversation is closed.");
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    problem.textContent = error.message;
    problem.hidden = false;
  }
}

function takeAnswers(form, path, look) {
  const problem = document.getElementById("answer-problem");
  const longer = document.getElementById("longer");
  const { text, accept } = form.elements;
  const button = form.querySelector("[type=submit]");
  let requestId = crypto.randomUUID();
  let segments = 1;
  const fresh = () => {
    requestId = crypto.randomUUID();
    segments = 1;
    accept.checked = false;
    longer.hidden = true;
    problem.hidden = true;
    text.removeAttribute("aria-invalid");
  };
  text.addEventListener("input", fresh);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.hidden = true;
    button.disabled = true;
    try {
      await call("POST", `${path}:reply`, { text: text.value, requestId, maxSegments: accept.checked ? segments : 1 });
      text.value = "";
      fresh();
      await look();
      announce("The answer is on its way.");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      problem.textContent = error.message;
      problem.hidden = false;
      text.setAttribute("aria-invalid", "true");
      if (error.reason === "SEGMENTS_NOT_ACCEPTED") {
        segments = Number(error.detail("ErrorInfo").metadata.segments);
        problem.textContent = "The text is too long for a single message. Shorten it, or accept how it is split.";
        longer.querySelector("span").textContent = `Send it split into ${plural(segments, "message")}.`;
        longer.hidden = false;
      }
    } finally {
      button.disabled = false;
      text.focus();
    }
  });
}

if (root) {
  watchList();
  const section = document.querySelector("[data-conversation]");
  if (section) watchThread(section);
  attend("/v1/events:stream?conversations_only=true", news);
}
