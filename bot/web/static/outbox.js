// What the person said and the server has not confirmed yet. It survives a reload; posting twice is harmless.

import { Expired, Refused, postMessage } from "./api.js";
import { all, forget, remember } from "./storage.js";
import { backoff, pause } from "./wait.js";

export class Outbox {
  // `on.state(id, state, sentence)` follows each message: sending, waiting, kept or refused. `on.expired(token)`
  // resolves to a working one.
  constructor({ role, signal, on }) {
    this.prefix = `post.${role}.`;
    this.signal = signal;
    this.on = on;
    this.token = "";
    this.running = false;
    this.entries = all(this.prefix).sort((a, b) => a.time - b.time);
  }

  put(said) {
    const entry = { id: uuid(), time: Date.now(), said };
    this.entries.push(entry);
    remember(this.prefix + entry.id, entry);
    this.run();
    return entry;
  }

  // The server has this one, whichever way we learnt it.
  settle(id) {
    this.end(id, "kept");
  }

  end(id, state, sentence) {
    this.entries = this.entries.filter((entry) => entry.id !== id);
    forget(this.prefix + id);
    this.on.state(id, state, sentence);
  }

  open(token) {
    this.token = token;
    this.run();
  }

  // One at a time and in order, so that two messages cannot overtake each other.
  async run() {
    if (this.running || !this.token) return;
    this.running = true;
    for (let tries = 0; this.entries.length && !this.signal.aborted; ) {
      tries = (await this.post(this.entries[0], tries)) ? 0 : tries + 1;
    }
    this.running = false;
  }

  // Whether the message is off our hands.
  async post({ id, said }, tries) {
    try {
      await postMessage(this.token, { id, ...said });
      this.end(id, "kept");
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) return this.again(id, error, tries);
      this.end(id, "refused", error.message);
      return true;
    }
  }

  async again(id, error, tries) {
    const expired = error instanceof Expired;
    this.on.state(id, "waiting");
    if (tries || !expired) await pause(Math.max(error.wait || 0, backoff(tries)), this.signal);
    if (expired) this.token = await this.on.expired(this.token);
    return false;
  }
}

// crypto.randomUUID exists in no older web view, nor over plain http.
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
