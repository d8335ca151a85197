// The conversation as it is seen. Everything in it has a name, so that hearing of it twice changes nothing.

import { Answer, plain } from "./answer.js";
import { Growth } from "./growth.js";
import { fill, shape } from "./words.js";

export class Log {
  constructor({ list, working, scroll, speaker, onSuggestion }) {
    Object.assign(this, { list, scroll, speaker, onSuggestion, indicator: working });
    this.label = "";
    this.clear();
  }

  clear() {
    this.list.textContent = "";
    this.named = new Map(); // what is shown, by its name
    this.growing = new Map(); // answers being written, by turn
    this.working(false);
  }

  greet(said) {
    const greeting = this.named.get("greeting") || this.answer();
    this.named.set("greeting", greeting);
    greeting.show(said);
    greeting.element.classList.add("greeting");
    this.list.prepend(greeting.element);
  }

  // What the person said. Not yet confirmed, it goes to the end; the server's word leaves it where it is.
  person({ id, text }, state) {
    const element = this.named.get(`person ${id}`) || this.newPerson(id, text);
    if (state === "sending" || !element.isConnected) this.add(element);
    this.state(id, state);
  }

  newPerson(id, text) {
    const { element, slots } = shape("person");
    slots.text.textContent = text;
    this.named.set(`person ${id}`, element);
    this.scroll.anchor = element;
    return element;
  }

  state(id, state, refusal = "") {
    const element = this.named.get(`person ${id}`);
    if (!element) return;
    element.dataset.state = state;
    element.querySelector("[data-slot=refusal]").textContent = refusal;
  }

  grow({ turn, offset, text }) {
    if (this.named.has(`turn ${turn}`)) return;
    const growth = this.growing.get(turn) || this.newGrowth(turn);
    growth.text.put(offset, text);
    if (!growth.drawn) growth.drawn = requestAnimationFrame(() => this.draw(growth));
  }

  newGrowth(turn) {
    const growth = { text: new Growth(), answer: this.answer(), drawn: 0 };
    this.growing.set(turn, growth);
    this.speaker.begin();
    return growth;
  }

  draw(growth) {
    growth.drawn = 0;
    growth.answer.grow(growth.text.text);
    this.speaker.grow(growth.text.text);
    if (!growth.answer.element.isConnected) this.add(growth.answer.element);
    this.working(false);
    this.scroll.follow();
  }

  reset(turn) {
    const growth = this.growing.get(turn);
    if (!growth) return;
    cancelAnimationFrame(growth.drawn);
    growth.answer.element.remove();
    this.growing.delete(turn);
  }

  // The truth about a turn: it takes the place of the text that grew, or of itself.
  reply(data) {
    const growth = this.growing.get(data.turn);
    const known = this.named.get(`reply ${data.key}`);
    const answer = known || (growth ? growth.answer : this.answer());
    if (growth) cancelAnimationFrame(growth.drawn);
    answer.show(data);
    if (known) return;
    if (data.outcome === "answered_forgotten") this.clear();
    this.growing.delete(data.turn);
    this.named.set(`turn ${data.turn}`, answer).set(`reply ${data.key}`, answer);
    if (!growth) this.speaker.begin();
    this.speaker.finish(data.parts.map(plain).join("\n"));
    this.working(false);
    if (!answer.element.isConnected) this.add(answer.element);
    this.scroll.follow();
  }

  notice({ key, text }) {
    if (this.named.has(`notice ${key}`)) return;
    const { element, slots } = shape("notice");
    fill(slots, { text });
    this.named.set(`notice ${key}`, element);
    this.add(element);
  }

  working(yes) {
    this.indicator.hidden = !yes;
    if (yes) this.scroll.follow();
  }

  // All of the past is shown: what comes from here on is news.
  latest() {
    this.speaker.begin();
    this.scroll.latest();
  }

  answer() {
    return new Answer({ label: this.label, onSuggestion: this.onSuggestion });
  }

  add(element) {
    this.list.append(element);
    this.scroll.follow();
  }
}
