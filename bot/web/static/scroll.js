// Keeps the newest words in view, but never scrolls the beginning of an answer away from who is reading it.

const SLACK = 80;

export class Scroll {
  constructor({ head, line, button }) {
    this.head = head;
    this.line = line;
    this.button = button;
    this.anchor = null; // what the person said last; the answer below it is read from its top
    this.target = 0;
    this.pinned = true;
    window.addEventListener("scroll", () => this.moved(), { passive: true });
    button.addEventListener("click", () => this.latest());
  }

  latest() {
    this.pinned = true;
    this.follow();
  }

  // Call after the conversation has grown.
  follow() {
    if (!this.pinned) {
      this.button.hidden = false;
      return;
    }
    this.target = this.goal();
    if (this.target > window.scrollY) window.scrollTo(0, this.target);
  }

  moved() {
    this.pinned = window.scrollY >= Math.min(this.target, bottom()) - SLACK;
    if (this.pinned) this.button.hidden = true;
  }

  goal() {
    if (!this.anchor || !this.anchor.isConnected) return bottom();
    const covered = Math.max(this.head.offsetHeight, this.line.offsetHeight) + 12;
    return Math.min(bottom(), this.anchor.getBoundingClientRect().top + window.scrollY - covered);
  }
}

function bottom() {
  return document.documentElement.scrollHeight - window.innerHeight;
}
