// One session per role, shared by all windows of this browser.

import { openSession } from "./api.js";
import { recall, remember } from "./storage.js";

export function currentRole() {
  return recall("as") === "staff" ? "staff" : "resident";
}

export function chooseRole(role) {
  remember("as", role);
}

// The session in use, or a new one. `expired` is the token that the server no longer takes, if any: another window may
// have replaced it already.
export async function session(role, expired = "") {
  const known = recall(`session.${role}`);
  if (known && known.token && known.token !== expired) return known;
  const fresh = await openSession(role);
  remember(`session.${role}`, fresh);
  return fresh;
}
