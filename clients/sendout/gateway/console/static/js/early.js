// Runs before the page can be used, not a module like the others: a button that is pressed before those have come is
// pressed again once they have. Else a form would be sent to its own address, with what was typed in it.

const pressed = new Set();

function keep(event) {
  const button = event.target.closest("button");
  if (!button) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  pressed.add(button);
}

document.addEventListener("click", keep, true);
document.addEventListener("DOMContentLoaded", () => {
  document.removeEventListener("click", keep, true);
  for (const button of pressed) button.click();
});
