// Send Notifications. Everything live comes from PreviewNotification: one call at a time, and a newer one cancels it.

import "./message-text.js";
import "./recipients.js";
import "./topic.js";
import { debounced } from "./dom.js";
import { keepDraft, takeDraft } from "./draft.js";
import { showPreview, showProblem } from "./send-view.js";
import { showSent } from "./sent.js";
import { call } from "./server.js";

const QUIET_MS = 250;
const AGAIN_MS = 5_000;
const AGAIN = new Set(["UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"]);

const form = document.getElementById("send");
const recipients = form.querySelector("so-recipients");
const text = form.querySelector("so-text");
const button = form.querySelector("button[type=submit]");
const { contactPoint, topic, acknowledged, smart } = form.elements;

/** What the tick box was ticked for: a text of more segments needs another tick (S28). */
let accepted = 1;
let preview = null;
let running = null;

function draft() {
  return {
    contactPointId: contactPoint.value,
    topicId: topic.value,
    text: text.value,
    recipients: recipients.entries.map(({ phoneNumber, variables }) => ({ phoneNumber, variables })),
    invalidRecipients: recipients.skip ? "INVALID_RECIPIENTS_SKIP" : "INVALID_RECIPIENTS_REJECT_ALL",
    smartEncoding: smart.checked,
  };
}

async function look() {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  try {
    // As many segments as can be: which ones the sender accepts is what the tick box asks.
    const answer = await call("POST", "/v1/notifications:preview", { ...draft(), maxSegments: 10 }, { signal: mine.signal });
    if (running !== mine) return;
    preview = answer;
    recipients.judge(answer.recipients || [], answer.variables || []);
    showProblem(null);
    update();
  } catch (error) {
    if (error.name === "AbortError" || running !== mine) return;
    showProblem(error);
    form.querySelector("#needed").textContent = "";
    if (AGAIN.has(error.status)) setTimeout(() => running === mine && lookSoon(), AGAIN_MS);
  }
}

function update() {
  const segments = preview.segments || 0;
  if (segments > accepted) acknowledged.checked = false;
  if (!acknowledged.checked) accepted = 1;
  const needed = showPreview(form, preview, { segments, ticked: acknowledged.checked, numbers: recipients.entries.length });
  button.disabled = needed.length > 0;
}

const lookSoon = debounced(look, QUIET_MS);

function changed() {
  button.disabled = true; // until the server has seen it
  form.querySelector(".facts").classList.add("stale");
  form.querySelector("#needed").textContent = "Checking…";
  lookSoon();
}

function pointChanged() {
  const chosen = contactPoint.selectedOptions[0];
  text.allowEmoji("emoji" in chosen.dataset);
  form.querySelector("[data-sender]:not(option)").textContent = chosen.dataset.sender;
  changed();
}

async function send() {
  button.disabled = true;
  const sent = draft();
  try {
    const answer = await call("POST", "/v1/notifications", {
      ...sent,
      maxSegments: acknowledged.checked ? accepted : 1,
      requestId: form.dataset.requestId,
    });
    form.hidden = true;
    showSent(answer, { point: contactPoint.selectedOptions[0].textContent, topic: topic.selectedOptions[0].textContent });
  } catch (error) {
    showProblem(error, sent.recipients);
    recipients.refuse(placesOf(error.violations));
    button.disabled = false;
  }
}

/** The places of the recipients that were refused, with why. */
function placesOf(violations) {
  return violations.flatMap(({ field = "", description }) => {
    const found = /^recipients\[(\d+)\]/.exec(field);
    return found ? [[Number(found[1]), description]] : [];
  });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!button.disabled) send();
});
acknowledged.addEventListener("change", () => {
  accepted = acknowledged.checked ? preview.segments : 1;
  update();
});
contactPoint.addEventListener("change", pointChanged);
topic.addEventListener("change", changed);
smart.addEventListener("change", changed);
recipients.addEventListener("change", (event) => event.target === recipients && changed());
recipients.addEventListener("variable", (event) => text.insert(`{{${event.detail}}}`));
text.addEventListener("change", (event) => event.target === text && changed());
document.addEventListener("signed-out", () => keepDraft({
  point: contactPoint.value,
  topic: topic.value,
  text: text.value,
  entries: recipients.entries.map(({ phoneNumber, variables, row }) => ({ phoneNumber, variables, row })),
}));

const kept = takeDraft();
if (kept) {
  for (const [select, value] of [[contactPoint, kept.point], [topic, kept.topic]]) {
    if ([...select.options].some((option) => option.value === value)) select.value = value;
  }
  text.value = kept.text;
  recipients.restore(kept.entries);
}
if (document.activeElement !== recipients.input) recipients.take(); // numbers typed before this script had come
pointChanged();
