// The select of topics, with a plus that adds one in place and selects it (S20).

import { announce, element } from "./dom.js";
import { call } from "./server.js";

class Topic extends HTMLElement {
  connectedCallback() {
    this.select = this.querySelector("select");
    this.plus = this.querySelector(".add-topic");
    this.form = this.querySelector("#new-topic");
    this.label = this.querySelector("#topic-label");
    this.problem = this.querySelector("#topic-problem");
    this.plus.addEventListener("click", () => this.toggle(this.form.hidden));
    this.querySelector("[data-add]").addEventListener("click", () => this.add());
    this.querySelector("[data-cancel]").addEventListener("click", () => this.toggle(false));
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.toggle(false);
      if (event.key !== "Enter" || event.target !== this.label) return;
      event.preventDefault();
      this.add();
    });
  }

  toggle(open) {
    this.form.hidden = !open;
    this.plus.setAttribute("aria-expanded", String(open));
    this.problem.textContent = "";
    (open ? this.label : this.plus).focus();
  }

  async add() {
    try {
      const { topic } = await call("POST", "/v1/topics", { label: this.label.value });
      this.select.append(element("option", { value: topic.topicId }, topic.label));
      this.select.value = topic.topicId;
      this.label.value = "";
      this.toggle(false);
      this.select.focus();
      this.select.dispatchEvent(new Event("change", { bubbles: true }));
      announce(`Topic ${topic.label} was added and is selected.`);
    } catch (error) {
      this.problem.textContent = error.message;
      this.label.focus();
    }
  }
}

customElements.define("so-topic", Topic);
