// Puts the page together: one room at a time, one box, the size of the type.

import { Refused } from "./api.js";
import { composer, fit } from "./composer.js";
import { labelCopies } from "./copy.js";
import { Log } from "./log.js";
import { Room } from "./room.js";
import { Scroll } from "./scroll.js";
import { chooseRole, currentRole } from "./session.js";
import { Speaker } from "./speak.js";
import { recall, remember } from "./storage.js";
import { sentence } from "./words.js";

const TYPES = ["standard", "large", "largest"];

const root = document.documentElement;
const page = {};
for (const element of document.querySelectorAll("body [id]")) page[element.id] = element;

const log = new Log({
  list: page.log,
  working: page.working,
  scroll: new Scroll({ head: document.querySelector(".head"), line: page.line, button: page.newest }),
  speaker: new Speaker(page.spoken),
  onSuggestion: suggested,
});
let room = null;

function enter(role) {
  if (room) room.leave();
  log.clear();
  page.opening.hidden = false;
  room = new Room({ role, log, on: { session: introduce, live, trouble } });
  room.enter();
}

// The pressed button disappears; the keyboard goes on from what it said.
function suggested(said) {
  room.say(said);
  page.log.lastElementChild.focus({ preventScroll: true });
}

function introduce({ as, employee, greeting, label, demo }, afresh) {
  document.title = `${employee.name} · ${employee.unit}`;
  page.name.textContent = employee.name;
  page.unit.textContent = employee.unit;
  page.label.textContent = log.label = label;
  page.demo.hidden = !demo;
  for (const button of page.demo.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", button.dataset.as === as);
  }
  page.opening.hidden = true;
  live(true);
  log.greet(greeting);
  if (afresh) log.notice({ key: `expired ${Date.now()}`, text: sentence("expired") });
}

function live(yes) {
  page.trouble.hidden = yes;
}

// Where staff are no longer received, the visitor is a resident.
function trouble(error) {
  if (error instanceof Refused && error.status === 403) switchTo("resident");
  else live(false);
}

function switchTo(role) {
  chooseRole(role);
  enter(role);
}

function setType(type) {
  root.dataset.type = type;
  fit(page.box);
}

page.type.addEventListener("click", () => {
  const next = TYPES[(TYPES.indexOf(root.dataset.type) + 1) % TYPES.length];
  remember("type", next);
  setType(next);
});

page.demo.addEventListener("click", ({ target }) => {
  if (target.dataset.as && target.dataset.as !== room.role) switchTo(target.dataset.as);
});

labelCopies(page.log);
composer({ form: page.write, box: page.box, onSay: (text) => room.say({ text }) });
setType(TYPES.includes(recall("type")) ? recall("type") : TYPES[0]);
enter(currentRole());
