// Topics: lists active or disabled ones; creates, renames, disables and activates them in place. None is ever deleted.

import { announce, element, foreign, icon } from "./dom.js";
import { all, call } from "./server.js";
import { told } from "./times.js";

const MOST_LETTERS = 100;

/** The list with its changes. `data-state` is "active" or "disabled", `data-may-manage` "yes" or "no". */
class Topics extends HTMLElement {
  connectedCallback() {
    this.active = this.dataset.state === "active";
    this.mayManage = this.dataset.mayManage === "yes";
    this.list = this.querySelector("[data-list]");
    this.notice = this.querySelector("[data-notice]");
    this.fresh = this.querySelector("[data-new]");
    this.querySelector("[data-create]")?.addEventListener("click", () => this.create());
    this.load();
  }

  async load() {
    try {
      this.show(await all(`/v1/topics?state=TOPIC_STATE_FILTER_${this.dataset.state.toUpperCase()}`, "topics"));
    } catch (error) {
      const again = element("button", { type: "button", class: "button plain", click: () => this.load() }, "Try again");
      this.list.replaceChildren(empty("warning", "The topics could not be loaded", error.message, again));
    }
    this.list.removeAttribute("aria-busy");
  }

  show(topics) {
    if (topics.length) {
      this.list.replaceChildren(
        element("ul", { class: "topics", "aria-label": `${this.active ? "Active" : "Disabled"} topics` }, ...topics.map((topic) => this.row(topic))),
      );
    } else {
      const words = "Topics that are disabled are listed here, to be looked at and to be re-activated.";
      this.list.replaceChildren(empty("topic", "No disabled topics", words, element("a", { class: "button plain", href: "/topics" }, "Active topics")));
    }
  }

  row(topic) {
    const row = element("li", { "data-topic": topic.topicId });
    this.fill(row, topic);
    return row;
  }

  /** The row as it usually is. */
  fill(row, topic) {
    const since = topic.disableTime ? `Disabled since ${told(topic.disableTime, "short")}` : `Created ${told(topic.createTime, "day")}`;
    const name = element("div", { class: "name" }, element("strong", {}, foreign(topic.label)), element("small", {}, since));
    row.replaceChildren(name, element("div", { class: "acts" }, ...this.acts(row, topic)));
  }

  acts(row, topic) {
    const history = element("a", { class: "icon-button", href: `/history/topics/${topic.topicId}`, title: "History", "aria-label": `History of ${topic.label}` }, icon("history"));
    if (topic.isDefault) {
      return [element("span", { class: "locked" }, icon("lock"), "Default topic: cannot be edited or disabled"), history];
    }
    if (!this.mayManage) return [history];
    if (!this.active) return [history, act("recycle", "Re-activate", topic, "revive", (button) => this.activate(row, topic, button))];
    return [
      history,
      act("pencil", "Rename", topic, "", () => this.rename(row, topic)),
      act("bin", "Disable", topic, "danger", (button) => this.disable(row, topic, button)),
    ];
  }

  create() {
    if (this.fresh.firstChild) return this.fresh.querySelector("input").focus();
    const close = () => {
      this.fresh.replaceChildren();
      this.querySelector("[data-create]").focus();
    };
    const save = async (label) => {
      const { topic } = await call("POST", "/v1/topics", { label });
      close();
      await this.load();
      this.say([foreign(topic.label), " is created. It can be chosen for sending now."]);
    };
    this.fresh.replaceChildren(form("Label of the new topic", "", "Create", save, close));
    this.fresh.querySelector("input").focus();
  }

  rename(row, topic) {
    const close = () => {
      this.fill(row, topic);
      row.querySelector(".icon-button[data-act=pencil]").focus();
    };
    const save = async (label) => {
      const answer = await call("PATCH", `/v1/topics/${topic.topicId}`, { label });
      topic = answer.topic;
      close();
      this.say([foreign(topic.label), " is its new label. What was sent under it stays with it."]);
    };
    row.replaceChildren(form(`New label for ${topic.label}`, topic.label, "Save", save, close));
    const input = row.querySelector("input");
    input.focus();
    input.select();
  }

  disable(row, topic, button) {
    return this.change(row, button, async () => {
      await call("POST", `/v1/topics/${topic.topicId}:disable`, {});
      this.gone(row);
      this.say([foreign(topic.label), " is disabled: it cannot be chosen for sending any more. Its history stays."], async () => {
        await call("POST", `/v1/topics/${topic.topicId}:activate`, {});
        await this.load();
        this.say([foreign(topic.label), " is active again."]);
        this.list.querySelector(`[data-topic="${CSS.escape(topic.topicId)}"] .icon-button`)?.focus();
      });
    });
  }

  activate(row, topic, button) {
    return this.change(row, button, async () => {
      await call("POST", `/v1/topics/${topic.topicId}:activate`, {});
      this.gone(row);
      this.say([foreign(topic.label), " is active again: it can be chosen for sending, and its counts go on."]);
    });
  }

  /** Makes a change; what is refused is said in the row. */
  async change(row, button, work) {
    row.querySelector(".problem")?.remove();
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      row.append(problem(error));
      button.disabled = false;
      button.focus();
    }
  }

  gone(row) {
    const neighbour = row.nextElementSibling || row.previousElementSibling;
    row.remove();
    if (!neighbour) this.show([]);
    (neighbour || this.list).querySelector(".icon-button, .button").focus();
  }

  /** What has been done, with a button that undoes it where there is a way. */
  say(words, undo) {
    const notice = element("p", { class: "notice good" }, icon("check"), element("span", {}, ...words));
    if (undo) {
      const click = async (event) => {
        event.currentTarget.disabled = true;
        try {
          await undo();
        } catch (error) {
          this.notice.replaceChildren(problem(error));
        }
      };
      notice.append(element("button", { type: "button", class: "button plain", click }, "Undo"));
    }
    this.notice.replaceChildren(notice);
  }
}

/** A button with a symbol that acts on one topic. */
function act(symbol, words, topic, kind, work) {
  const click = (event) => work(event.currentTarget);
  return element("button", { type: "button", class: `icon-button ${kind}`, "data-act": symbol, title: words, "aria-label": `${words} ${topic.label}`, click }, icon(symbol));
}

let fields = 0;

/** A form for one label. `save` gets what was typed; what it throws is said below the field. */
function form(title, label, verb, save, close) {
  const id = `topic-label-${(fields += 1)}`;
  const input = element("input", { id, value: label, maxlength: MOST_LETTERS, autocomplete: "off", required: true });
  const submit = element("button", { type: "submit", class: "button" }, verb);
  const made = element(
    "form",
    { class: "edit", novalidate: true },
    element("label", { for: id }, foreign(title)),
    input,
    submit,
    element("button", { type: "button", class: "button plain", click: close }, "Cancel"),
  );
  made.addEventListener("keydown", (event) => event.key === "Escape" && close());
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    made.querySelector(".problem")?.remove();
    input.removeAttribute("aria-invalid");
    submit.disabled = true;
    try {
      await save(input.value.trim());
    } catch (error) {
      const said = problem(error);
      said.id = `${id}-problem`;
      made.append(said);
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", said.id);
      submit.disabled = false;
      input.focus();
    }
  });
  return made;
}

/** What was refused, in the server's words. */
function problem(error) {
  const words = error.violations?.[0]?.description || error.message;
  return element("p", { class: "notice problem", role: "alert" }, icon("warning"), element("span", {}, foreign(words)));
}

function empty(symbol, title, words, action) {
  announce(title);
  return element("div", { class: "empty" }, icon(symbol), element("h2", {}, title), element("p", {}, words), element("p", {}, action));
}

customElements.define("so-topics", Topics);
