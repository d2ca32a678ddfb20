// Which candidates are picked, by position, and whether their order means anything.
"use strict";

class Picks {
  constructor(best, ordered = false) {
    this.best = best;
    this.positions = [];
    this.ordered = ordered;
  }

  // Pick a candidate, or drop it where it was picked; false where enough are picked already.
  toggle(position) {
    const place = this.positions.indexOf(position);
    if (place >= 0) this.positions.splice(place, 1);
    else if (this.complete) return false;
    else this.positions.push(position);
    return true;
  }

  get complete() {
    return this.positions.length === this.best;
  }

  // What a tile's button says: empty where the candidate is not picked.
  badge(position) {
    const place = this.positions.indexOf(position);
    if (place < 0) return "";
    return this.ordered ? String(place + 1) : "✓";
  }
}

// The letter of a position, which is also its key.
function letter(position) {
  return position < 26 ? String.fromCharCode(65 + position) : String(position + 1);
}
