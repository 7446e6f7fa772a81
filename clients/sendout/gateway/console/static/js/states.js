// The states of a message in the words of the screens, in the order of their life.

/** By state: what it is called, and whether it is good news, bad news, on its way ("sent") or still waiting ("open"). */
export const STATES = {
  MESSAGE_STATE_HELD: ["Held until later", "open"],
  MESSAGE_STATE_QUEUED: ["In the queue", "open"],
  MESSAGE_STATE_SENDING: ["Being sent", "open"],
  MESSAGE_STATE_UNCONFIRMED: ["Unconfirmed", "sent"],
  MESSAGE_STATE_SENT: ["Sent", "sent"],
  MESSAGE_STATE_DELIVERED: ["Delivered", "good"],
  MESSAGE_STATE_PARTIALLY_DELIVERED: ["Partially delivered", "bad"],
  MESSAGE_STATE_UNDELIVERED: ["Undelivered", "bad"],
  MESSAGE_STATE_EXPIRED: ["Expired", "bad"],
  MESSAGE_STATE_REJECTED: ["Rejected", "bad"],
  MESSAGE_STATE_FAILED: ["Failed", "bad"],
  MESSAGE_STATE_SUPPRESSED: ["Left out", "bad"],
  MESSAGE_STATE_CANCELED: ["Canceled", "bad"],
  MESSAGE_STATE_UNKNOWN: ["Unknown", "bad"],
};

/** The states whose numbers are a problem. */
export const PROBLEM_STATES = Object.keys(STATES).filter((state) => STATES[state][1] === "bad");
