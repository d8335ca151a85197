// One role's conversation: its session, its history, its events, and what is still on the way out.

import { Expired, readHistory } from "./api.js";
import { follow } from "./events.js";
import { Outbox } from "./outbox.js";
import { session } from "./session.js";
import { backoff, pause } from "./wait.js";

export class Room {
  // `log` shows the conversation; `on.session(session, afresh)`, `on.live(boolean)` and `on.trouble(error)` tell the
  // page about it; afresh means that an expired session was replaced.
  constructor({ role, log, on }) {
    this.role = role;
    this.log = log;
    this.on = on;
    this.leaving = new AbortController();
    this.session = null;
    this.entering = null; // the promise of `enter`, while it runs
    this.outbox = new Outbox({
      role,
      signal: this.signal,
      on: { state: (id, state, sentence) => log.state(id, state, sentence), expired: (token) => this.renew(token) },
    });
  }

  get signal() {
    return this.leaving.signal;
  }

  leave() {
    this.leaving.abort();
  }

  say(said) {
    const entry = this.outbox.put(said);
    this.log.person({ id: entry.id, text: said.text }, "sending");
    this.log.latest();
  }

  // Resolves once the conversation is shown and followed.
  enter(expired = "") {
    if (!this.entering) this.entering = this.persist(expired).finally(() => (this.entering = null));
    return this.entering;
  }

  // The stream and the outbox may find the same token expired, one after the other; both get the one that replaces it.
  async renew(expired) {
    if (expired === this.session.token) await this.enter(expired);
    await this.entering;
    return this.session.token;
  }

  // Tries until it is in, or the person leaves.
  async persist(expired) {
    for (let tries = 0; !this.signal.aborted; tries += 1) {
      try {
        this.session = await session(this.role, expired);
        return this.begin(await readHistory(this.session.token), expired !== "");
      } catch (error) {
        if (error instanceof Expired) expired = this.session.token;
        else this.on.trouble(error);
        await pause(Math.max(error.wait || 0, backoff(tries)), this.signal);
      }
    }
  }

  begin({ events, cursor }, afresh) {
    if (this.signal.aborted) return;
    this.on.session(this.session, afresh);
    events.forEach((event) => this.hear(event));
    this.outbox.entries.forEach(({ id, said }) => this.log.person({ id, text: said.text }, "sending"));
    this.log.latest();
    this.outbox.open(this.session.token);
    this.follow(this.session.token, cursor);
  }

  follow(token, cursor) {
    follow({
      token,
      cursor,
      signal: this.signal,
      on: { event: (event) => this.hear(event), live: this.on.live, expired: () => this.renew(token) },
    });
  }

  hear({ event, data }) {
    const hearers = {
      message: () => this.hearPerson(data),
      status: () => this.log.working(data.state === "working"),
      delta: () => this.log.grow(data),
      reset: () => this.log.reset(data.turn),
      reply: () => this.log.reply(data),
      notice: () => this.log.notice(data),
    };
    if (event in hearers) hearers[event]();
  }

  hearPerson(data) {
    this.log.person(data, "kept");
    this.outbox.settle(data.id);
  }
}
