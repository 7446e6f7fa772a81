// Calls of the server, by the routes of the REST API (/api lists them) with the session of this browser.

/** What the server, or the gateway before it, refused. */
export class Refused extends Error {
  constructor(http, error) {
    super(error.message || "This did not work. Try again in a moment.");
    this.http = http;
    this.status = error.status || "";
    this.details = error.details || [];
    this.reason = this.detail("ErrorInfo").reason || "";
    this.violations = this.detail("BadRequest").fieldViolations || [];
  }

  /** A detail of `google.rpc`, such as "QuotaFailure"; empty where there is none. */
  detail(kind) {
    return this.details.find((one) => one["@type"].endsWith(`google.rpc.${kind}`)) || {};
  }
}

function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]')?.content || "";
}

/**
 * One call: the answer as an object, without the fields that have their default value. A text goes out as it is,
 * for calls that take line after line of JSON.
 * Throws Refused, and an AbortError where `signal` ended it. Whoever is signed out is led to the sign-in page.
 */
export async function call(verb, path, body, { signal } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method: verb,
      headers: { "content-type": "application/json", "x-csrf-token": csrfToken() },
      body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, { status: "UNAVAILABLE", message: "Sendout cannot be reached. Check your connection; nothing here is lost." });
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  if (response.status === 401 && location.pathname !== "/sign-in") toSignIn();
  throw new Refused(response.status, answer.error || {});
}

/** Leaves for the sign-in page, which leads back; `signed-out` lets a page keep what was typed. */
function toSignIn() {
  document.dispatchEvent(new Event("signed-out"));
  location.assign(`/sign-in?then=${encodeURIComponent(location.pathname + location.search)}`);
}

/** Every entry of a list that comes in pages; `name` is the field they are in. */
export async function all(path, name) {
  const found = [];
  let token = "";
  do {
    const page = await call("GET", `${path}${path.includes("?") ? "&" : "?"}page_size=1000&page_token=${encodeURIComponent(token)}`);
    found.push(...(page[name] || []));
    token = page.nextPageToken || "";
  } while (token);
  return found;
}

const MOST_WAIT_MS = 60_000;

/**
 * Follows a stream of the server. `message` gets each answer, `ended` is told once there is no more, and `trouble`
 * whenever the connection breaks; it is then made again. Answers with a function that stops it.
 */
export function follow(path, { message, ended = () => {}, trouble = () => {} }, wait = 2_000) {
  const source = new EventSource(path);
  let timer;
  source.onmessage = (event) => message(JSON.parse(event.data));
  source.addEventListener("end", () => {
    source.close();
    ended();
  });
  source.onerror = (event) => {
    const said = event.data ? JSON.parse(event.data).error : undefined;
    trouble(said ? said.message : "The connection broke off. Trying again.");
    if (source.readyState !== EventSource.CLOSED) return; // the browser connects again by itself
    timer = setTimeout(() => {
      stop = follow(path, { message, ended, trouble }, Math.min(2 * wait, MOST_WAIT_MS));
    }, wait);
  };
  let stop = () => {
    clearTimeout(timer);
    source.close();
  };
  return () => stop();
}

const ATTENTION_MS = 20 * 60_000; // after the last touch: from then on the session may run out

/**
 * Follows a stream of events while somebody is at the page, as an open stream keeps the session from running out.
 * `news` is called once the stream is open, for each batch with events, and when the connection breaks.
 */
export function attend(path, news) {
  let unfollow;
  let away;
  const leave = () => {
    unfollow?.();
    unfollow = undefined;
  };
  const stay = () => {
    clearTimeout(away);
    if (document.hidden) return leave();
    away = setTimeout(leave, ATTENTION_MS);
    unfollow ??= follow(path, { message: first(news), trouble: news });
  };
  for (const kind of ["pointermove", "pointerdown", "keydown", "scroll"]) addEventListener(kind, stay, { passive: true });
  document.addEventListener("visibilitychange", stay);
  addEventListener("pagehide", leave);
  stay();
}

/** Calls `then` for the first batch of a stream, which says that it is open, and for each one with events. */
function first(then) {
  let open = false;
  return ({ events = [] }) => {
    if (!open || events.length) then();
    open = true;
  };
}
