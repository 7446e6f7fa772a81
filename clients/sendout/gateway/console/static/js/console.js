// What every page of the console has: menus, signing out, times in the reader's words.

import { call } from "./server.js";
import { keepZone, tellTimes } from "./times.js";

/** A `<details>` that closes on Escape, on a click elsewhere and when the focus leaves it. */
class Menu extends HTMLElement {
  connectedCallback() {
    const details = this.querySelector("details");
    this.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !details.open) return;
      details.open = false;
      details.querySelector("summary").focus();
    });
    this.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !this.contains(event.relatedTarget)) details.open = false;
    });
    document.addEventListener("click", (event) => {
      if (!this.contains(event.target)) details.open = false;
    });
  }
}
customElements.define("so-menu", Menu);

document.querySelector("[data-sign-out]")?.addEventListener("click", async () => {
  await call("POST", "/sign-out", {});
  location.assign("/sign-in");
});

keepZone();
tellTimes();
