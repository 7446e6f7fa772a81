// Forms whose fields are those of a call: `data-call="PATCH /v1/roles/night"`, and names such as "label" or
// "quietHours.start". A change sends only what the person changed, so two people do not undo each other's work.

import { confirmed, revealed } from "./dialogs.js";
import { announce } from "./dom.js";
import { call, Refused } from "./server.js";

const SAID = "sendout-said";

/** What a field holds, as the call takes it; undefined where it is left empty. */
function valueOf(field) {
  const text = field.value.trim();
  switch (field.dataset.kind) {
    case "list": return text.split(/[\s,]+/u).filter(Boolean);
    case "number": return text === "" ? 0 : numeric(field, text);
    case "moment": return text === "" ? undefined : new Date(text).toISOString();
    case "hours": return text === "" ? undefined : `${numeric(field, text) * 3600}s`;
    case "amount": return amount(field, text);
    case "switch": return field.type === "checkbox" ? field.checked : text === "true";
    case "text": return field.value;
    default: return text;
  }
}

class Unreadable extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

function numeric(field, text) {
  if (!/^\d+([.]\d+)?$/u.test(text)) throw new Unreadable(field, `Write a number such as 5. You typed "${text}".`);
  return Number(text);
}

function amount(field, text) {
  const found = /^(\d{1,9})(?:[.](\d{1,9}))?$/u.exec(text);
  if (!found) throw new Unreadable(field, `Write an amount such as 0.07. You typed "${text}".`);
  return { units: found[1], nanos: Number((found[2] || "").padEnd(9, "0")) };
}

/** Everything in the form by its name: one value, or the ticked ones of a group. */
function held(form) {
  const found = new Map();
  for (const field of form.elements) {
    if (!field.name || field.disabled) continue;
    if (field.dataset.kind === "many") {
      if (!found.has(field.name)) found.set(field.name, []);
      if (field.checked) found.get(field.name).push(field.value);
    } else {
      found.set(field.name, valueOf(field));
    }
  }
  return found;
}

/** The same as the body of a call: "a.b" goes into the message a, which is left out where it holds nothing. */
function bodyOf(values) {
  const body = {};
  for (const [name, value] of values) {
    const path = name.split(".");
    const last = path.pop();
    if (value === undefined || (path.length && (value === "" || value.length === 0))) continue;
    let target = body;
    for (const part of path) target = target[part] ||= {};
    target[last] = typeof value === "object" && !Array.isArray(value) ? { ...value, ...target[last] } : value;
  }
  return body;
}

function snake(name) {
  return name.replace(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`);
}

/** The values that differ from those the page came with; a message counts as one. */
function changed(values, before) {
  const top = (name) => name.split(".")[0];
  const differing = new Set([...values].filter(([name, value]) =>
    JSON.stringify(value) !== JSON.stringify(before.get(name))).map(([name]) => top(name)));
  return { mask: [...differing], values: new Map([...values].filter(([name]) => differing.has(top(name)))) };
}

function clear(form) {
  form.querySelector(".problem").hidden = true;
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  for (const place of form.querySelectorAll(".wrong")) place.textContent = "";
}

/** Puts a sentence at its field; answers the field, or nothing where the form has none of that name. */
function blame(form, name, sentence) {
  const bare = name.replace(/\[\d+\]/gu, "");
  const field = [...form.elements].find((one) => one.name && (snake(one.name) === bare || bare.endsWith(`.${snake(one.name)}`)));
  return field && mark(field, sentence);
}

function mark(field, sentence) {
  const place = document.getElementById(`${field.dataset.of || field.id}-wrong`);
  field.setAttribute("aria-invalid", "true");
  if (place) place.textContent = sentence;
  return field;
}

/** Shows what is wrong with a form and takes the person there. */
export function explain(form, error) {
  const problem = form.querySelector(".problem");
  problem.textContent = error.message;
  problem.hidden = false;
  const blamed = error instanceof Unreadable
    ? [mark(error.field, error.message)]
    : (error.violations || []).map((one) => blame(form, one.field, one.description)).filter(Boolean);
  if (blamed.length) blamed[0].focus();
}

async function submit(form, before) {
  clear(form);
  const { call: target, confirm, button, title, said, then, reveals, revealTitle, revealAs } = form.dataset;
  const [verb, path] = target.split(" ");
  let values = held(form);
  let query = "";
  if (verb === "PATCH") {
    const change = changed(values, before);
    if (!change.mask.length) return announceHere(form, "Nothing was changed.");
    query = `?update_mask=${change.mask.map(snake).join(",")}`;
    values = change.values;
  }
  if (confirm && !(await confirmed(title, confirm, button))) return undefined;
  const answer = await call(verb, path + query, verb === "DELETE" ? undefined : bodyOf(values));
  if (reveals) await revealed(revealTitle, form.dataset.revealWords, `${revealAs ? `${location.origin}${revealAs}` : ""}${answer[reveals]}`);
  if (said) sessionStorage.setItem(SAID, said);
  if (then) location.assign(then);
  else location.reload();
  return undefined;
}

function announceHere(form, sentence) {
  const place = form.querySelector(".saved");
  if (place) place.textContent = sentence;
  else announce(sentence);
}

/** Runs a form's work with its button off, and explains what went wrong. */
export async function working(form, work) {
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Unreadable)) throw error;
    explain(form, error);
  } finally {
    button.disabled = false;
    if (document.activeElement === document.body) button.focus(); // which lost the focus while it was off
  }
}

/** The body that a form makes; throws what `explain` takes. */
export function read(form) {
  clear(form);
  return bodyOf(held(form));
}

for (const form of document.querySelectorAll("form[data-call]")) {
  const before = form.dataset.call.startsWith("PATCH") ? held(form) : new Map();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    working(form, () => submit(form, before));
  });
}

const zones = document.getElementById("zones");
if (zones) {
  for (const zone of Intl.supportedValuesOf("timeZone")) zones.append(Object.assign(document.createElement("option"), { value: zone }));
}

const said = sessionStorage.getItem(SAID);
const place = document.getElementById("said");
if (said && place) {
  sessionStorage.removeItem(SAID);
  place.textContent = said;
  place.hidden = false;
  announce(said);
}
