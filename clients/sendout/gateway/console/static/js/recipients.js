// The field of recipients: chips from what is typed, pasted or dropped as a CSV file, each with what the server says of it.

import { recipientsOf } from "./csv.js";
import { announce, element, foreign, icon, plural, visible } from "./dom.js";

const MOST_CHIPS = 150; // more are counted, not drawn; those with problems come first
const MOST_PROBLEMS = 100;
const MOST_FILE = 4 << 20;
const SKIPPED = new Set(["RECIPIENT_PROBLEM_REASON_DUPLICATE", "RECIPIENT_PROBLEM_REASON_OPTED_OUT"]);

/** Fires `change` whenever the recipients are other ones, and `variable` with a name to put into the text. */
class Recipients extends HTMLElement {
  /** What is entered: {phoneNumber, variables, row}; `result` is the server's word on each. */
  entries = [];
  /** Whether to send to the others where some are a problem. */
  skip = false;

  connectedCallback() {
    this.input = this.querySelector("#recipients");
    this.chips = this.querySelector(".chips");
    this.count = this.querySelector(".count");
    this.problems = this.querySelector(".problems");
    this.variables = this.querySelector(".variables");
    this.heading = "number";
    this.fileProblems = [];
    this.input.addEventListener("keydown", (event) => this.typed(event));
    this.input.addEventListener("blur", () => this.take());
    this.input.addEventListener("input", () => /[,;\n]/.test(this.input.value) && this.take());
    this.input.addEventListener("paste", (event) => this.pasted(event));
    this.querySelector(".chip-field").addEventListener("click", (event) => {
      if (event.target === event.currentTarget || event.target === this.chips) this.input.focus();
    });
    this.querySelector("input[type=file]").addEventListener("change", (event) => {
      if (event.target.files[0]) this.read(event.target.files[0]);
      event.target.value = "";
    });
    this.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.classList.add("dropping");
    });
    this.addEventListener("dragleave", () => this.classList.remove("dropping"));
    this.addEventListener("drop", (event) => {
      event.preventDefault();
      this.classList.remove("dropping");
      const file = event.dataTransfer.files[0];
      if (file) this.read(file);
      else this.add(event.dataTransfer.getData("text"));
    });
  }

  typed(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      this.take();
    } else if (event.key === "Backspace" && this.input.value === "" && this.entries.length) {
      this.remove(this.entries[this.entries.length - 1]);
    }
  }

  pasted(event) {
    const text = event.clipboardData.getData("text");
    if (!/[,;\n]/.test(text)) return;
    event.preventDefault();
    this.add(`${this.input.value}${text}`);
    this.input.value = "";
  }

  /** Make chips of what stands in the input. */
  take() {
    const text = this.input.value;
    this.input.value = "";
    this.add(text);
  }

  /** Add numbers from a list; blanks around them, empty items and a trailing comma do not matter (S22). */
  add(text) {
    const numbers = text.split(/[,;\n\t]/).map((item) => item.trim()).filter(Boolean);
    if (!numbers.length) return;
    this.entries.push(...numbers.map((phoneNumber) => ({ phoneNumber, variables: {} })));
    this.changed();
  }

  /** Put back what was entered before. */
  restore(entries) {
    this.entries = entries;
    this.changed();
  }

  async read(file) {
    if (file.size > MOST_FILE) {
      this.fileProblems = ["The file is larger than 4 MiB."];
      return this.show();
    }
    const found = recipientsOf(await file.text());
    this.fileProblems = found.problems;
    this.heading = found.heading;
    this.entries.push(...found.recipients);
    this.variables.replaceChildren(
      ...(found.variables.length ? ["Variables from the file:"] : []),
      ...found.variables.map((name) => element("button", { type: "button", click: () => this.insert(name), "aria-label": `Insert the variable ${name}` }, `{{${name}}}`)),
    );
    this.variables.hidden = !found.variables.length;
    announce(`${plural(found.recipients.length, "recipient")} from ${file.name}.`);
    this.changed();
  }

  insert(name) {
    this.dispatchEvent(new CustomEvent("variable", { detail: name }));
  }

  remove(entry) {
    this.entries = this.entries.filter((one) => one !== entry);
    this.input.focus();
    this.changed();
  }

  changed() {
    for (const entry of this.entries) entry.checking = true;
    this.show();
    this.dispatchEvent(new Event("change"));
  }

  /** What the server says of each; `names` are the variables in the text. */
  judge(results, names) {
    this.entries.forEach((entry, index) => {
      entry.result = results[index];
      entry.checking = false;
    });
    this.names = names;
    this.show();
  }

  /** Mark entries as the server refused them: descriptions by place. */
  refuse(descriptions) {
    for (const [place, description] of descriptions) {
      const entry = this.entries[place];
      if (entry) entry.result = { ...entry.result, reason: "RECIPIENT_PROBLEM_REASON_NOT_A_NUMBER", description };
    }
    this.show();
  }

  show() {
    const bad = this.entries.filter((entry) => kind(entry) === "problem");
    const skipped = this.entries.filter((entry) => kind(entry) === "skipped");
    const many = this.entries.length > MOST_CHIPS;
    const drawn = many ? [...bad, ...skipped, ...this.entries.filter((entry) => !["problem", "skipped"].includes(kind(entry)))].slice(0, MOST_CHIPS) : this.entries;
    const focused = [...this.chips.children].indexOf(document.activeElement.closest(".chip"));
    this.chips.replaceChildren(...drawn.map((entry) => this.chip(entry)));
    if (focused >= 0) this.chips.children[focused]?.querySelector("button").focus();
    if (many) this.chips.append(element("li", { class: "more" }, `and ${(this.entries.length - drawn.length).toLocaleString("en")} more`));
    this.input.placeholder = this.entries.length ? "Add numbers" : "Numbers, separated by commas";
    const said = [plural(this.entries.length, "recipient")];
    if (bad.length) said.push(plural(bad.length, "problem number"));
    if (skipped.length) said.push(`${skipped.length.toLocaleString("en")} left out`);
    this.count.textContent = this.entries.length ? `${said.join(", ")}.` : "";
    this.input.setAttribute("aria-invalid", String(bad.length > 0 && !this.skip));
    this.showProblems(bad, skipped);
  }

  chip(entry) {
    const number = entry.result?.e164 || entry.phoneNumber || "(empty)";
    const state = kind(entry);
    return element("li", { class: `chip ${state}`, title: entry.result?.description || null },
      state === "problem" ? icon("warning") : null,
      foreign(number),
      entry.result?.description ? element("span", { class: "unseen" }, `: ${entry.result.description}`) : null,
      element("button", { type: "button", "aria-label": `Remove ${visible(number)}`, click: () => this.remove(entry) }, icon("cross")));
  }

  showProblems(bad, skipped) {
    const listed = [...bad, ...skipped];
    this.problems.hidden = !listed.length && !this.fileProblems.length;
    if (this.problems.hidden) return this.problems.replaceChildren();
    const lines = [
      ...this.fileProblems.map((problem) => element("li", {}, problem)),
      ...listed.slice(0, MOST_PROBLEMS).map((entry) => element("li", {}, ...this.sentence(entry))),
    ];
    if (listed.length > MOST_PROBLEMS) lines.push(element("li", {}, `and ${listed.length - MOST_PROBLEMS} more`));
    this.problems.replaceChildren(
      element("p", {}, element("strong", {}, bad.length ? `${plural(bad.length, "number")} cannot be sent to` : skipped.length ? `${plural(skipped.length, "number")} will be left out` : "About the file")),
      element("ul", { tabindex: "0", role: "list", "aria-label": "Problem numbers" }, ...lines),
      ...(bad.length ? this.ways(bad) : []),
    );
  }

  sentence(entry) {
    const { result, row } = entry;
    const missing = result.reason === "RECIPIENT_PROBLEM_REASON_VARIABLE_MISSING" ? (this.names || []).filter((name) => !entry.variables[name]) : [];
    const where = row ? `Row ${row}, ${missing.join(", ") || this.heading}: ` : "";
    return [where, element("b", {}, foreign(entry.phoneNumber || "(empty)")), ` ${result.description}`];
  }

  ways(bad) {
    const tick = element("input", { type: "checkbox", checked: this.skip, change: () => {
      this.skip = tick.checked;
      this.dispatchEvent(new Event("change"));
    } });
    return [
      element("label", { class: "tick" }, tick, element("span", {}, "Leave these out and send to the others")),
      element("button", { class: "button plain", type: "button", click: () => this.drop(bad) }, `Remove ${plural(bad.length, "problem number")}`),
    ];
  }

  drop(bad) {
    const gone = new Set(bad);
    this.entries = this.entries.filter((entry) => !gone.has(entry));
    this.skip = false;
    this.input.focus();
    this.changed();
  }
}

function kind(entry) {
  const reason = entry.result?.reason;
  if (reason) return SKIPPED.has(reason) ? "skipped" : "problem";
  return entry.checking ? "checking" : "good";
}

customElements.define("so-recipients", Recipients);
