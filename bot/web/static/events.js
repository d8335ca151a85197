// Following the conversation: one endless sequence of events over connections that come and go.

import { Expired, Refused, Unreachable, request } from "./api.js";
import { backoff, pause } from "./wait.js";

const FIRST_BYTE = 8000; // the server speaks at once: silence means something between us swallows streams
const SILENCE = 40000; // the server comments every 15 s
const POLL = 35000; // the server answers within 20 s

let streaming = typeof ReadableStream === "function" && typeof TextDecoder === "function";

// Calls `on.event` for every event after `cursor`, in order, until `signal` aborts or the session expires
// (`on.expired`). `on.live` hears whether the connection stands.
export async function follow({ token, cursor, signal, on }) {
  let failures = 0;
  const heard = () => {
    failures = 0;
    on.live(true);
  };
  while (!signal.aborted) {
    let wait = 0;
    try {
      for await (const event of (streaming ? stream : poll)({ token, cursor, signal, heard })) {
        if (signal.aborted) return;
        cursor = event.id;
        on.event(event);
      }
      if (streaming) wait = backoff(0); // the server ended the stream and expects us again
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Expired) return on.expired();
      if (!(error instanceof Unreachable || error instanceof Refused)) console.error(error);
      wait = Math.max(error.wait || 0, backoff(failures));
      failures += 1;
      if (failures > 1) on.live(false);
    }
    if (wait) await pause(wait, signal);
  }
}

async function* poll({ token, cursor, signal, heard }) {
  const limit = new Limit(signal, POLL);
  try {
    const query = cursor ? `?after=${encodeURIComponent(cursor)}` : "";
    const headers = { Accept: "application/json" };
    const response = await request(`/api/v1/events${query}`, { token, headers, signal: limit.signal });
    const page = await response.json().catch(unreachable);
    heard();
    yield* page.events;
  } finally {
    limit.clear();
  }
}

async function* stream({ token, cursor, signal, heard }) {
  const limit = new Limit(signal, FIRST_BYTE);
  const blocks = new Blocks();
  try {
    const headers = { Accept: "text/event-stream" };
    if (cursor) headers["Last-Event-ID"] = cursor;
    const response = await request("/api/v1/events", { token, headers, signal: limit.signal });
    for await (const text of chunks(response)) {
      limit.extend(SILENCE);
      heard();
      yield* blocks.put(text);
    }
  } finally {
    if (limit.passed && !limit.extended) streaming = false;
    limit.clear();
  }
}

async function* chunks(response) {
  if (!response.body) {
    streaming = false;
    throw new Unreachable();
  }
  const reader = response.body.getReader();
  const decoder = new TextDecoder(); // chunks cut characters anywhere
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(unreachable);
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function unreachable() {
  throw new Unreachable();
}

// A signal that aborts with `outer`, or when nobody extended it in time.
class Limit {
  constructor(outer, ms) {
    this.controller = new AbortController();
    this.outer = outer;
    this.passed = this.extended = false;
    this.leave = () => this.controller.abort();
    outer.addEventListener("abort", this.leave);
    this.set(ms);
  }
  get signal() {
    return this.controller.signal;
  }
  set(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.passed = true;
      this.controller.abort();
    }, ms);
  }
  extend(ms) {
    this.extended = true;
    this.set(ms);
  }
  clear() {
    clearTimeout(this.timer);
    this.outer.removeEventListener("abort", this.leave);
  }
}

// Cuts growing text into the blocks of an event stream.
class Blocks {
  constructor() {
    this.rest = "";
  }
  // The events completed by `text`.
  put(text) {
    const pieces = (this.rest + text.replace(/\r/g, "")).split("\n\n");
    this.rest = pieces.pop();
    return pieces.map(parse).filter(Boolean);
  }
}

function parse(block) {
  const fields = {};
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 1) continue; // a comment keeps the line open and says nothing
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, "");
    fields[name] = name in fields ? `${fields[name]}\n${value}` : value;
  }
  return fields.event && fields.data ? { id: fields.id, event: fields.event, data: JSON.parse(fields.data) } : null;
}
