// What part of an image all tiles show, and how large: one zoom and one place for all of them.
"use strict";

// device pixels per image pixel
const LEVELS = [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8];

class View {
  constructor() {
    this.fitted = true;
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.image = { width: 1, height: 1 };
    this.port = { width: 1, height: 1 };
  }

  // Start on an image of another size, all of it in sight.
  open(width, height) {
    this.image = { width, height };
    this.fit();
  }

  // Tiles have become larger or smaller: the place in the middle stays where it is.
  resize(width, height) {
    this.port = { width, height };
    if (this.fitted) this.fit();
    else this.settle();
  }

  get whole() {
    return Math.min(this.port.width / this.image.width, this.port.height / this.image.height);
  }

  fit() {
    this.fitted = true;
    this.scale = this.whole;
    this.x = this.image.width / 2;
    this.y = this.image.height / 2;
  }

  // Zoom so that what is at a point of the tile, in device pixels, stays under it.
  zoom(scale, at = { x: this.port.width / 2, y: this.port.height / 2 }) {
    const least = Math.min(this.whole, 1);
    const next = Math.min(Math.max(scale, least), LEVELS.at(-1));
    if (next === this.whole) return this.fit();
    const dx = at.x - this.port.width / 2;
    const dy = at.y - this.port.height / 2;
    this.x += dx / this.scale - dx / next;
    this.y += dy / this.scale - dy / next;
    this.scale = next;
    this.fitted = false;
    this.settle();
  }

  // Zoom by a factor; a way that leads past 100 % rests there, where pixels are exact.
  zoomBy(factor, at) {
    const next = this.scale * factor;
    const passes = (this.scale - 1) * (next - 1) < 0;
    this.zoom(passes ? 1 : next, at);
  }

  // To the next level up (1) or down (-1).
  step(direction) {
    const levels = [...LEVELS, this.whole].sort((a, b) => a - b);
    const next =
      direction > 0
        ? levels.find((level) => level > this.scale)
        : levels.findLast((level) => level < this.scale);
    if (next !== undefined) this.zoom(next);
  }

  // Move the image by device pixels.
  pan(dx, dy) {
    if (this.fitted) return;
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
    this.settle();
  }

  settle() {
    this.x = within(this.x, this.port.width / this.scale, this.image.width);
    this.y = within(this.y, this.port.height / this.scale, this.image.height);
  }

  // The image's left top corner in the tile, in whole device pixels, so that 100 % is exact.
  get corner() {
    return {
      x: Math.round(this.port.width / 2 - this.x * this.scale),
      y: Math.round(this.port.height / 2 - this.y * this.scale),
    };
  }
}

// The middle of what is seen, kept so that no more than need be beyond the image's edge is seen.
function within(middle, seen, side) {
  if (seen >= side) return side / 2;
  return Math.min(Math.max(middle, seen / 2), side - seen / 2);
}
