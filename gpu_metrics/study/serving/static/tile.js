// A tile: a canvas of exactly as many pixels as the screen shows, with its caption.
"use strict";

// the grey around images, as in study.css
const SURROUND = "#6e6e6e";

class Tile {
  // `position` is null for the input.
  constructor(position) {
    this.position = position;
    this.picture = null;
    const name = position === null ? "Input" : letter(position);
    const copy = document.getElementById("tile").content.cloneNode(true);
    this.root = copy.querySelector(".tile");
    this.canvas = copy.querySelector("canvas");
    this.pick = copy.querySelector(".pick");
    this.lens = copy.querySelector(".lens");
    this.mark = copy.querySelector(".mark");
    this.context = this.canvas.getContext("2d", { alpha: false });
    copy.querySelector(".name").textContent = name;
    const called = position === null ? "the input" : name;
    this.canvas.setAttribute("aria-label", position === null ? "The input" : `Candidate ${name}`);
    this.pick.setAttribute("aria-label", `Pick ${called}`);
    this.pick.disabled = position === null;
    this.lens.setAttribute("aria-label", `Look at ${called} alone`);
    this.root.classList.toggle("input", position === null);
  }

  place(box, ratio) {
    this.root.style.left = `${box.left / ratio}px`;
    this.root.style.top = `${box.top / ratio}px`;
    this.root.style.width = `${box.width / ratio}px`;
    this.canvas.style.height = `${box.height / ratio}px`;
    // setting either side clears the canvas, so only where it changes
    if (this.canvas.width !== box.width) this.canvas.width = box.width;
    if (this.canvas.height !== box.height) this.canvas.height = box.height;
  }

  // Draw a picture as far as the view shows it, or none yet.
  draw(picture, view) {
    this.context.fillStyle = SURROUND;
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    picture?.draw(this.context, view.corner, view.scale);
  }

  // Show whether the candidate is picked; `badge` is empty where it is not.
  set badge(badge) {
    this.mark.textContent = badge;
    this.pick.setAttribute("aria-pressed", String(badge !== ""));
    this.root.classList.toggle("picked", badge !== "");
  }
}
