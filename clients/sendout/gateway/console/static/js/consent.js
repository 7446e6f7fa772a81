// Consent: looks a number up, records a word, and imports a CSV file with its problems by row.

import { cells } from "./csv.js";
import { announce, element, foreign, plural } from "./dom.js";
import { explain, read, working } from "./forms.js";
import { call, Refused } from "./server.js";
import { told } from "./times.js";

const COLUMNS = ["phone_number", "state", "contact_point", "evidence", "consent_time"];
const WORDS = { "opted-in": "CONSENT_STATE_OPTED_IN", "opted-out": "CONSENT_STATE_OPTED_OUT" };
const PART = 5000; // words in one line of the upload
const SHOWN = 200; // problems on the page

const lookup = document.getElementById("lookup");
const record = document.getElementById("record");
const upload = document.getElementById("import");

function scoped(consent, contactPoint) {
  const scope = contactPoint ? "CONSENT_SCOPE_CONTACT_POINT" : "CONSENT_SCOPE_ORGANISATION";
  return { ...consent, scope, contactPointId: contactPoint };
}

/** A word in a sentence. */
function sentence(consent) {
  const out = consent.state === WORDS["opted-out"];
  return element("li", {}, element("span", { class: `badge ${out ? "bad" : "good"}` }, out ? "Opted out" : "Opted in"), " ",
    consent.contactPointId ? "for " : "for the whole organisation", consent.contactPointId ? foreign(consent.contactPointId) : "",
    `, said ${told(consent.consentTime, "short")}`, consent.evidence ? ": " : "", consent.evidence ? foreign(consent.evidence) : "");
}

function showFound(...content) {
  const found = document.getElementById("found");
  found.replaceChildren(...content);
  found.hidden = false;
}

lookup.addEventListener("submit", (event) => {
  event.preventDefault();
  working(lookup, async () => {
    const asked = read(lookup);
    document.getElementById("found").hidden = true;
    try {
      const answer = await call("POST", "/v1/consents:lookup", asked);
      const verdict = answer.sendable ? "It may be sent to." : "It may not be sent to.";
      showFound(element("p", { class: `notice ${answer.sendable ? "good" : "problem"}` }, verdict),
        element("ul", { class: "plain" }, ...(answer.consents || []).map(sentence)));
      announce(verdict);
    } catch (error) {
      if (!(error instanceof Refused) || error.reason !== "CONSENT_NOT_FOUND") throw error;
      showFound(element("p", { class: "notice" }, error.message));
      announce(error.message);
    }
  });
});

record.addEventListener("submit", (event) => {
  event.preventDefault();
  working(record, async () => {
    const { contactPointId, ...consent } = read(record);
    const answer = await call("POST", "/v1/consents", scoped(consent, contactPointId));
    const kept = answer.consent.state === consent.state;
    sessionStorage.setItem("sendout-said", kept ? "The word is on record." : "A later word is on record; it stays.");
    location.reload();
  });
});

/** What a file holds: the words to send, where each stands, and the rows that could not be read. */
function understood(text) {
  const rows = cells(text);
  const first = rows.findIndex(Boolean);
  const head = rows[first] || [];
  const unknown = head.filter((name) => !COLUMNS.includes(name));
  const missing = ["phone_number", "state"].filter((name) => !head.includes(name));
  if (unknown.length || missing.length) {
    const wrong = missing.length ? `${missing.join(" and ")} missing` : `"${unknown.join('", "').slice(0, 200)}" unknown`;
    throw new Error(`The first line must name the columns (${COLUMNS.join(", ")}), but has ${wrong}.`);
  }
  const words = [];
  const lines = [];
  const problems = [];
  rows.forEach((found, index) => {
    if (!found || index <= first) return;
    const line = index + 1;
    const row = Object.fromEntries(head.map((name, place) => [name, found[place] || ""]));
    const number = row.phone_number.replace(/^'/u, "");
    const state = WORDS[row.state.toLowerCase().replace(/[_ ]/gu, "-")];
    const moment = row.consent_time ? new Date(row.consent_time) : undefined;
    if (!state) problems.push({ line, number, why: `Write opted-in or opted-out. The file has "${row.state.slice(0, 80)}".` });
    else if (moment && Number.isNaN(moment.getTime())) problems.push({ line, number, why: `Write a time such as 2026-03-01T09:00. The file has "${row.consent_time.slice(0, 80)}".` });
    else {
      words.push(scoped({ phoneNumber: number, state, evidence: row.evidence || "", consentTime: moment?.toISOString() }, row.contact_point || ""));
      lines.push(line);
    }
  });
  return { words, lines, problems };
}

function parts(words) {
  const made = [];
  for (let at = 0; at < words.length; at += PART) made.push(JSON.stringify({ consents: words.slice(at, at + PART) }));
  return made.join("\n");
}

/** A refusal of the whole file because of one row, in terms of the file. */
function byLine(error, lines) {
  for (const { field } of error.violations || []) {
    const place = /consents\[(\d+)\]/u.exec(field || "");
    if (place && lines[place[1]]) error.message = `Row ${lines[place[1]]}: ${error.message}`;
  }
  return error;
}

function tell(answer, problems) {
  const recorded = answer.recordedCount || 0;
  const said = [`Recorded: ${plural(recorded, "word")}.`];
  if (answer.unchangedCount) said.push(`On record already, or older than what is: ${plural(answer.unchangedCount, "word")}.`);
  said.push(problems.length ? `Left out: ${plural(problems.length, "row")}.` : "No row was left out.");
  const table = problems.length && element("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": "Rows left out" },
    element("table", {},
      element("thead", {}, element("tr", {}, ...["Row", "Number", "Why"].map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, ...problems.slice(0, SHOWN).map(({ line, number, why }) =>
        element("tr", {}, element("td", { class: "number" }, String(line)), element("td", {}, foreign(number)), element("td", {}, foreign(why)))))));
  document.getElementById("imported").replaceChildren(
    element("section", { class: "panel outcome" },
      element("p", { class: `notice ${problems.length ? "warning" : "good"}` }, said.join(" ")),
      table || "",
      problems.length > SHOWN ? element("p", {}, `… and ${plural(problems.length - SHOWN, "more row", "more rows")}.`) : "",
      element("p", {}, element("a", { href: "/admin/consent" }, "Show what is on record"))));
}

async function send({ words, lines, problems }) {
  let answer = {};
  try {
    if (words.length) answer = await call("POST", "/v1/consents:import", parts(words));
  } catch (error) {
    throw byLine(error, lines);
  }
  const refused = (answer.problems || []).map((one) => ({ line: lines[one.index || 0], number: one.phoneNumber || "", why: one.description }));
  tell(answer, [...problems, ...refused].sort((one, other) => one.line - other.line));
}

upload.addEventListener("submit", (event) => {
  event.preventDefault();
  working(upload, async () => {
    read(upload);
    const [file] = document.getElementById("file").files;
    if (!file) return explain(upload, new Error("Choose a CSV file first."));
    let content;
    try {
      content = understood(await file.text());
    } catch (error) {
      return explain(upload, error);
    }
    return send(content);
  });
});
