// Times in the reader's own words and zone.

const FORMS = {
  long: { dateStyle: "medium", timeStyle: "medium" },
  short: { dateStyle: "medium", timeStyle: "short" },
  clock: { timeStyle: "short" },
  day: { dateStyle: "medium" },
};

/**
 * A time of the server (RFC 3339) in the reader's words; forms are "long", "short", "clock", "day" and "soon", which is
 * the clock alone for a time of today.
 */
export function told(moment, form = "long") {
  const time = new Date(moment);
  const today = time.toDateString() === new Date().toDateString();
  const chosen = form === "soon" ? (today ? "clock" : "short") : form;
  return new Intl.DateTimeFormat(undefined, FORMS[chosen]).format(time);
}

/** Puts every `<time>` below `root` in the reader's words. */
export function tellTimes(root = document) {
  for (const time of root.querySelectorAll("time[datetime]")) time.textContent = told(time.dateTime, time.dataset.form);
}

/** Lets pages that are rendered on the server know the reader's time zone. */
export function keepZone() {
  const zone = encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
  document.cookie = `sendout-zone=${zone}; path=/; max-age=31536000; samesite=lax`;
}
