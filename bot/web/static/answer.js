// How an answer looks: its parts, its marks, its sources, its next steps.

import { copyText } from "./copy.js";
import { address, fill, replace, sentence, shape } from "./words.js";

const MARK = /\[(\d{1,2})\]/;

export class Answer {
  // `label` is the AI line that stands under the text from its first word on.
  constructor({ label, onSuggestion }) {
    this.onSuggestion = onSuggestion;
    const { element, slots } = shape("answer");
    this.element = element;
    this.slots = slots;
    fill(slots, { label, number: "" });
    slots.number.parentElement.hidden = true; // it is given when the answer is whole
    slots.copy.hidden = slots.sources.hidden = slots.suggestions.hidden = true;
    slots.copy.addEventListener("click", () => this.copy());
    this.foot();
  }

  // A preview: marks are drawn but lead nowhere yet.
  grow(text) {
    this.element.classList.add("growing");
    replace(this.slots.said, paragraphs(text, inertMark));
  }

  // The truth, which replaces whatever was there.
  show(said) {
    this.said = said;
    this.element.classList.remove("growing");
    this.element.dataset.outcome = said.outcome;
    const slots = this.slots;
    replace(slots.list, said.sources.map(source));
    replace(slots.said, said.parts.flatMap((part) => this.part(part)));
    replace(slots.suggestions, said.suggestions.map((suggestion) => this.suggestion(suggestion)));
    fill(slots, { label: said.label, number: said.number || "", count: String(said.sources.length) });
    slots.number.parentElement.hidden = !said.number;
    slots.sources.hidden = !said.sources.length;
    slots.suggestions.hidden = !said.suggestions.length;
    slots.copy.hidden = !said.label;
    this.foot();
  }

  // Fixed sentences carry no label and need no foot.
  foot() {
    const { label } = this.slots;
    label.closest("footer").hidden = label.hidden;
  }

  // A kind this page does not know is skipped.
  part(part) {
    const draw = { paragraphs: (p) => paragraphs(p.text, (n) => this.cite(n)), card, table };
    return part.kind in draw ? draw[part.kind](part) : [];
  }

  cite(n) {
    const item = this.slots.list.children[n - 1];
    if (!item) return null;
    const { element, slots } = shape("cite");
    slots.mark.textContent = n;
    element.dataset.status = item.dataset.status;
    element.addEventListener("click", () => unfold(item.querySelector("details")));
    return element;
  }

  suggestion({ label, command }) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", () => this.onSuggestion({ text: label, command }));
    return button;
  }

  async copy() {
    const { copy } = this.slots;
    copy.dataset.state = (await copyText(this.words())) ? "copied" : "failed";
    setTimeout(() => delete copy.dataset.state, 4000);
  }

  // What leaves the page by the copy button: the text, what it rests on, and that AI made it.
  words() {
    const { parts, sources, label } = this.said;
    const lines = sources.map((source, i) => `[${i + 1}] ${place(source)}`);
    const basis = lines.length ? [sentence("copied-sources"), ...lines].join("\n") : "";
    return [parts.map(plain).join("\n\n"), basis, label].filter(Boolean).join("\n\n");
  }
}

function place({ document: title, number, clause }) {
  return [title, number, clause].filter(Boolean).join(" ");
}

// The words of a part, without its shape.
export function plain({ kind, text, title, body, url, headers, rows }) {
  if (kind === "paragraphs") return text;
  if (kind === "card") return [title, body, url].filter(Boolean).join("\n");
  if (kind === "table") return [title, ...[headers, ...rows].map((row) => row.join("\t"))].filter(Boolean).join("\n");
  return "";
}

function inertMark(n) {
  const { element } = shape("mark");
  element.textContent = n;
  return element;
}

// A paragraph a line, closer together where no blank line parts them; `[n]` becomes what `mark(n)` gives, or stays.
function paragraphs(text, mark) {
  const lines = text.split("\n");
  return lines.map((line, i) => paragraph(line, mark, i && lines[i - 1].trim())).filter((p) => p.textContent.trim());
}

function paragraph(line, mark, continues) {
  const element = document.createElement("p");
  const pieces = line.split(MARK); // odd places hold the numbers
  element.append(...pieces.map((piece, i) => (i % 2 ? mark(Number(piece)) || `[${piece}]` : piece)));
  element.classList.toggle("next", Boolean(continues));
  return element;
}

function card({ title, body, url }) {
  const { element, slots } = shape("card");
  fill(slots, { title, body });
  address(slots.url, url);
  return [element];
}

function table({ title, headers, rows }) {
  const { element, slots } = shape("table");
  fill(slots, { title });
  replace(slots.headers, [row("th", headers)]);
  replace(slots.rows, rows.map((cells) => row("td", cells)));
  return [element];
}

function row(tag, texts) {
  const line = document.createElement("tr");
  const cells = texts.map((text) => Object.assign(document.createElement(tag), { textContent: text }));
  line.append(...cells);
  return line;
}

function source({ document: title, number, issuer, date, status, clause, quote, url }, index) {
  const { element, slots } = shape("source");
  fill(slots, { mark: String(index + 1), document: title, number, issuer, date, status, clause, quote });
  element.dataset.status = status;
  address(slots.url, url);
  for (const warning of element.querySelectorAll(".warning")) warning.hidden = warning.dataset.for !== status;
  return element;
}

function unfold(details) {
  details.open = true;
  const summary = details.querySelector("summary");
  summary.focus({ preventScroll: true });
  summary.scrollIntoView({ block: "center" });
}
