// Signs in: with what was typed, or with the token in the fragment, which no server and no log has seen.

import { call } from "./server.js";
import { keepZone } from "./times.js";

const form = document.getElementById("sign-in");
const button = form.querySelector("button");
const problem = form.querySelector("[role=alert]");

async function signIn(credential) {
  problem.hidden = true;
  button.disabled = true;
  try {
    await call("POST", "/sign-in", credential);
    location.replace(form.dataset.then);
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
    button.disabled = false;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  signIn({ password: { userId: form.elements.user.value.trim(), password: form.elements.password.value } });
});

function takeLink() {
  const token = location.hash.slice(1);
  if (!token) return;
  history.replaceState(null, "", location.pathname + location.search);
  signIn({ signInToken: token });
}

keepZone();
addEventListener("hashchange", takeLink);
takeLink();
