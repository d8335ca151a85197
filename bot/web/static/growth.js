// The text of one answer while it is being written. Offsets count code points, JavaScript strings do not.

export class Growth {
  constructor() {
    this.points = [];
  }

  // Text at an offset already passed replaces what followed it. A gap is left to the reply that will close it.
  put(offset, text) {
    if (offset > this.points.length) return;
    this.points.length = offset;
    for (const point of text) this.points.push(point);
  }

  get text() {
    return this.points.join("");
  }
}
