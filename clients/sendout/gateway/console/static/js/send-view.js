// What the form of Send Notifications shows of the server's preview.

import { element, foreign, icon, plural, visible } from "./dom.js";
import { told } from "./times.js";

const ENCODINGS = { ENCODING_GSM_7: "GSM-7", ENCODING_UCS_2: "UCS-2" };
/** Problems that only say that the form is not filled in yet. */
const NOT_YET = { TEXT_EMPTY: "a text", NO_SENDABLE_RECIPIENTS: "recipients" };

/** Shows a preview; answers with what is still needed before it may be sent, in words. */
export function showPreview(form, preview, { segments, ticked, numbers }) {
  showHandset(form, preview);
  showFacts(form.querySelector(".facts"), preview);
  showHints(form, preview);
  showLong(form, preview, { segments, ticked });
  showSmart(form, preview.smartEncoding || {});
  const problems = preview.problems || [];
  const ofText = problems.filter(({ reason, field = "" }) => field.startsWith("text") && !(reason in NOT_YET));
  form.querySelector("#text-problem").textContent = ofText.map(({ description }) => visible(description)).join(" ");
  form.querySelector("#text").setAttribute("aria-invalid", String(ofText.length > 0));
  const others = problems.filter((one) => !ofText.includes(one) && !(one.reason in NOT_YET) && one.reason !== "RECIPIENT_INVALID");
  if (others.length) showProblem({ message: others.map(({ description }) => description).join(" "), violations: [] });
  const needed = stillNeeded(form, preview, { ticked, numbers });
  form.querySelector("#needed").textContent = needed.length ? `Still needed: ${needed.join(", ")}.` : "";
  return needed;
}

function stillNeeded(form, preview, { ticked, numbers }) {
  const needed = [];
  const problems = preview.problems || [];
  if (!numbers) needed.push("recipients");
  if (!form.querySelector("#text").value.trim()) needed.push("a text");
  const rest = problems.filter(({ reason }) => !(reason in NOT_YET));
  if (rest.some(({ reason }) => reason === "RECIPIENT_INVALID")) needed.push("a decision about the problem numbers");
  else if (numbers && problems.some(({ reason }) => reason === "NO_SENDABLE_RECIPIENTS")) needed.push("somebody to send to");
  if (rest.some(({ reason }) => reason !== "RECIPIENT_INVALID")) needed.push("what is marked above");
  if (!preview.sendable && !needed.length) needed.push("what is marked above");
  if (preview.acknowledgementNeeded && !ticked) needed.push("your tick for the long message");
  return needed;
}

function showHandset(form, preview) {
  const bubble = form.querySelector("[data-sample]");
  const sample = preview.sampleText || preview.text || "";
  bubble.textContent = sample ? visible(sample) : "What recipients will read shows here.";
  bubble.classList.toggle("nothing", !sample);
}

function showFacts(facts, preview) {
  const { segments = 0, charactersUsed = 0, charactersLeft = 0, messageCount = 0 } = preview;
  const put = (name, value) => {
    facts.querySelector(`[data-fact=${name}]`).textContent = value;
  };
  const written = Boolean(preview.text);
  facts.classList.remove("stale");
  put("messages", messageCount.toLocaleString("en"));
  put("encoding", written ? ENCODINGS[preview.encoding] || "–" : "–");
  put("segments", written ? String(segments) : "–");
  put("billable", Number(preview.billableSegments || 0).toLocaleString("en"));
  put("cost", preview.estimatedCost ? money(preview.estimatedCost) : messageCount ? "price not known" : "–");
  put("finish", messageCount && preview.estimatedFinishTime ? told(preview.estimatedFinishTime, "soon") : "–");
  document.getElementById("text-count").textContent = written
    ? `${plural(charactersUsed, "character")}, ${charactersLeft.toLocaleString("en")} left`
    : "";
}

/** A `google.type.Money` in the reader's way. */
function money({ currencyCode, units = "0", nanos = 0 }) {
  const amount = Number(units) + nanos / 1e9;
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: amount && amount < 1 ? 4 : 2 };
  return new Intl.NumberFormat(undefined, { style: "currency", currency: currencyCode, ...digits }).format(amount);
}

function showHints(form, preview) {
  const list = form.querySelector(".hints");
  const hints = preview.text ? preview.hints || [] : [];
  list.replaceChildren(...hints.map(({ description }) => element("li", {}, icon("info"), element("span", {}, visible(description)))));
  list.hidden = !hints.length;
  const held = form.querySelector("[data-held]");
  const until = (preview.recipients || []).map(({ heldUntil }) => heldUntil).filter(Boolean).sort();
  held.hidden = !preview.heldCount;
  if (preview.heldCount) {
    held.querySelector("span").textContent = `Quiet hours hold ${plural(preview.heldCount, "message")}, until ${told(until[until.length - 1], "short")} at the latest.`;
  }
}

/** The warning of a long message with its tick box (S26–S29). */
function showLong(form, preview, { segments, ticked }) {
  const box = form.querySelector("#long");
  box.hidden = !preview.acknowledgementNeeded;
  if (box.hidden) return;
  const forcing = preview.ucs2Characters || [];
  const less = preview.segmentsWithoutUcs2Characters || segments;
  box.querySelector("[data-segments]").textContent = `This text is too long for a single message: each recipient gets ${segments} of them.`;
  box.querySelector("[data-why]").replaceChildren(
    ...(less < segments ? ["Without ", ...forcing.slice(0, 8).flatMap((one) => [foreign(one), " "]), ` it would take ${less}.`] : ["Every one of them is billed."]),
  );
  box.querySelector("[data-tick]").textContent = `Send it as ${segments} messages to each recipient`;
  box.querySelector("input").checked = ticked;
}

function showSmart(form, smart) {
  const label = form.querySelector("#smart");
  const offered = Boolean(smart.applies) && (smart.segmentsBefore || 0) > 0;
  label.hidden = !offered;
  if (!offered) return;
  const pairs = [...new Set((smart.replacements || []).map(({ replaced, replacement = "" }) => `${replaced} → ${replacement || "nothing"}`))];
  label.querySelector("span").textContent = `Replace costly characters (${pairs.slice(0, 5).join(", ")}): ${plural(smart.segmentsAfter, "segment")} instead of ${smart.segmentsBefore}`;
  const tick = label.querySelector("input");
  if (smart.enabled) tick.checked = true;
}

/** Shows what the server refused, with the problem numbers (S31, S32); null takes it away. */
export function showProblem(error, numbers = []) {
  const box = document.getElementById("problem");
  box.hidden = !error;
  if (!error) return box.replaceChildren();
  const lines = error.violations.map(({ field = "", description }) => {
    const place = /^recipients\[(\d+)\]/.exec(field)?.[1];
    const number = place === undefined ? "" : numbers[Number(place)]?.phoneNumber || "";
    return element("li", {}, number ? element("b", {}, foreign(number)) : null, number ? " " : null, visible(description));
  });
  box.replaceChildren(icon("warning"), element("div", {}, element("p", {}, visible(error.message)), lines.length ? element("ul", {}, ...lines) : null));
  if (numbers.length) box.focus();
}
