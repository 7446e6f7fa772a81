// Questions that have to be answered, and secrets that are shown once, before the rest of the page.

import { element, foreign } from "./dom.js";

let dialogs = 0;

function open(title, ...content) {
  const id = `dialog-${(dialogs += 1)}`;
  const dialog = element("dialog", { "aria-labelledby": id }, element("h2", { id }, title), ...content);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

function closed(dialog) {
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue)));
}

/** Whether the person wants it: `button` names what it does. Escape and Cancel mean no. */
export async function confirmed(title, explanation, button) {
  const form = element("form", { method: "dialog", class: "actions" },
    element("button", { class: "button plain", value: "", autofocus: true }, "Cancel"),
    element("button", { class: "button danger", value: "yes" }, button));
  return (await closed(open(title, element("p", {}, explanation), form))) === "yes";
}

/** Shows a secret that nobody can show again, until the person says that it is kept. */
export async function revealed(title, explanation, secret) {
  const copied = element("span", { class: "soft", role: "status" });
  const copy = element("button", { type: "button", class: "button plain", click: async () => {
    await navigator.clipboard.writeText(secret);
    copied.textContent = "Copied.";
  } }, "Copy");
  const form = element("form", { method: "dialog", class: "actions" }, copied, copy,
    element("button", { class: "button", value: "yes" }, "I have kept it"));
  const shown = element("p", { class: "secret", tabindex: "0" }, foreign(secret));
  const dialog = open(title, element("p", {}, explanation), shown, form);
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  return closed(dialog);
}
