// Reads an answer to a screen reader as it grows, sentence by sentence and each only once.

const SENTENCES = /^[\s\S]*[。！？；\n]/;

export class Speaker {
  constructor(region) {
    this.region = region;
    this.begin();
  }

  begin() {
    this.said = "";
    this.region.textContent = "";
  }

  grow(text) {
    const whole = SENTENCES.exec(text);
    if (whole) this.upTo(whole[0]);
  }

  // The rest, or all of it if the preview said something else.
  finish(text) {
    if (!text.startsWith(this.said)) this.begin();
    this.upTo(text);
    this.said = "";
  }

  upTo(text) {
    const fresh = text.slice(this.said.length).replace(/\[\d+\]/g, "").trim();
    this.said = text;
    if (fresh) this.region.append(Object.assign(document.createElement("p"), { textContent: fresh }));
  }
}
