// The progress of one notification, live: a bar, counts by state, and the problem numbers as they fail.

import { debounced, element, foreign, plural } from "./dom.js";
import { call, follow } from "./server.js";
import { PROBLEM_STATES, STATES } from "./states.js";
import { told } from "./times.js";

const MOST_FAILED = 100;

/** `<so-progress notification="ID">` */
class Progress extends HTMLElement {
  connectedCallback() {
    this.identifier = this.getAttribute("notification");
    this.path = `/v1/notifications/${this.identifier}`;
    this.heading = element("h2", { id: "progress" }, "Progress");
    this.parts = Object.fromEntries(["good", "bad", "sent"].map((kind) => [kind, element("span", { class: kind })]));
    this.track = element("div", { class: "track", role: "progressbar", "aria-labelledby": "progress", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": "0" }, ...Object.values(this.parts));
    this.said = element("p", { role: "status" });
    this.states = element("ul", { class: "states", "aria-label": "Messages by state" });
    this.failed = element("div", { "aria-live": "polite" });
    this.cancel = element("button", { class: "button plain", type: "button", hidden: true, click: () => this.stop() }, "Cancel what has not left");
    this.append(this.heading, this.track, this.said, this.states, this.cancel, this.failed);
    this.listFailed = debounced(() => this.readFailed(), 400);
    this.unfollow = follow(`${this.path}:watch`, {
      message: ({ progress }) => this.show(progress),
      trouble: (sentence) => {
        this.said.textContent = sentence;
      },
    });
  }

  disconnectedCallback() {
    this.unfollow();
  }

  show(progress) {
    const total = Number(progress.total || 0);
    const counts = Object.fromEntries((progress.counts || []).map(({ state, count }) => [state, Number(count)]));
    const sums = { good: 0, bad: 0, sent: 0, open: 0 };
    for (const [state, count] of Object.entries(counts)) sums[STATES[state][1]] += count;
    const final = sums.good + sums.bad;
    for (const [kind, part] of Object.entries(this.parts)) part.style.width = `${(100 * sums[kind]) / (total || 1)}%`;
    this.track.setAttribute("aria-valuenow", String(Math.floor((100 * final) / (total || 1))));
    this.said.textContent = progress.done
      ? `All done: ${plural(sums.good, "message")} delivered, ${sums.bad.toLocaleString("en")} not delivered.`
      : `${final.toLocaleString("en")} of ${plural(total, "message")} final.${outlook(progress)}`;
    this.states.replaceChildren(...Object.keys(STATES).filter((state) => counts[state]).map((state) =>
      element("li", { class: STATES[state][1] }, `${STATES[state][0]}: ${counts[state].toLocaleString("en")}`)));
    this.cancel.hidden = !(counts.MESSAGE_STATE_HELD || counts.MESSAGE_STATE_QUEUED);
    if (sums.bad !== this.known) this.listFailed();
    this.known = sums.bad;
  }

  async readFailed() {
    if (!this.known) return undefined;
    const states = PROBLEM_STATES.map((state) => `states=${state}`).join("&");
    let messages;
    try {
      ({ messages = [] } = await call("GET", `${this.path}/messages?page_size=${MOST_FAILED}&${states}`));
    } catch (error) {
      return this.failed.replaceChildren(element("p", { class: "notice problem" }, `${error.message} History has the problem numbers.`));
    }
    const rows = messages.map((message) =>
      element("li", {}, element("b", {}, foreign(message.phoneNumber || "")), ` ${STATES[message.state][0]}. ${message.reasonText || ""}`));
    if (this.known > rows.length) rows.push(element("li", {}, `and ${plural(this.known - rows.length, "more", "more")}; History has them all.`));
    return this.failed.replaceChildren(
      element("h3", { id: "failed" }, "Problem numbers"),
      element("ul", { class: "failed", tabindex: "0", role: "list", "aria-labelledby": "failed" }, ...rows),
    );
  }

  async stop() {
    this.cancel.disabled = true;
    try {
      const { canceledCount = 0 } = await call("POST", `${this.path}:cancel`, {});
      this.said.textContent = `${plural(canceledCount, "message")} canceled.`;
    } catch (error) {
      this.said.textContent = error.message;
    }
    this.cancel.disabled = false;
  }
}

function outlook({ estimatedFinishTime, nextReleaseTime }) {
  if (nextReleaseTime) return ` Some are held until ${told(nextReleaseTime, "short")}.`;
  return estimatedFinishTime ? ` The last is expected to leave by ${told(estimatedFinishTime, "short")}.` : "";
}

customElements.define("so-progress", Progress);
