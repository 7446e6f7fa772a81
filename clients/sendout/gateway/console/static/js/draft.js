// Keeps what was typed while somebody whose session has ended signs in again: in this tab, for this user, once.

const KEY = "sendout-draft";

function user() {
  return document.querySelector('meta[name="user"]').content;
}

/** Keep a draft until `takeDraft`. One that does not fit is not kept. */
export function keepDraft(draft) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ user: user(), draft }));
  } catch {
    sessionStorage.removeItem(KEY);
  }
}

/** The draft that this user left here; null where there is none. It is forgotten in any case. */
export function takeDraft() {
  const kept = JSON.parse(sessionStorage.getItem(KEY) || "null");
  sessionStorage.removeItem(KEY);
  return kept?.user === user() ? kept.draft : null;
}
