// The confirmation that takes the form's place (S30), with what was left out and the live progress.

import "./progress.js";
import { element, foreign, icon, plural } from "./dom.js";

/** Shows what the server accepted. */
export function showSent(answer, { point, topic }) {
  const { notification, acceptedCount = 0, skipped = [], warnings = [] } = answer;
  const place = document.getElementById("sent");
  const heading = element("h2", { tabindex: "-1" }, "Notification sent");
  place.replaceChildren(
    element("div", { class: "panel", role: "status" },
      element("div", { class: "confirmation" }, icon("check"), element("div", {},
        heading,
        element("p", {}, `${plural(acceptedCount, "message")} accepted from `, foreign(point), ", topic ", foreign(topic), "."),
        answer.replayed ? element("p", {}, "It had been accepted before; nothing was sent twice.") : null,
        ...warnings.map((warning) => element("p", {}, warning))))),
    ...(skipped.length ? [leftOut(skipped)] : []),
    element("div", { class: "panel" }, element("so-progress", { class: "panel-body", notification: notification.notificationId })),
    element("div", { class: "go" },
      element("a", { class: "button", href: "/send" }, icon("send"), element("span", {}, "Send another")),
      element("a", { class: "button plain", href: "/history" }, icon("history"), element("span", {}, "View History"))),
  );
  place.hidden = false;
  heading.focus();
}

function leftOut(skipped) {
  return element("div", { class: "panel" },
    element("h2", { id: "left-out" }, `${plural(skipped.length, "recipient")} left out`),
    element("ul", { class: "failed", tabindex: "0", role: "list", "aria-labelledby": "left-out" }, ...skipped.map(({ phoneNumber = "", description = "" }) =>
      element("li", {}, element("b", {}, foreign(phoneNumber || "(empty)")), ` ${description}`))));
}
