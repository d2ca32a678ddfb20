// What a juror may add to the picks: the dimensions that decided, and a comment.
"use strict";

class Notes {
  constructor(root, dimensions, changed) {
    this.root = root;
    this.comment = root.querySelector("textarea");
    this.chips = dimensions.map((dimension) => {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.className = "chip";
      chip.textContent = dimension;
      chip.addEventListener("click", () => {
        press(chip, !pressed(chip));
        changed();
      });
      return chip;
    });
    root.querySelector(".chips").replaceChildren(...this.chips);
    this.comment.addEventListener("input", changed);
    this.clear();
  }

  clear() {
    for (const chip of this.chips) press(chip, false);
    this.comment.value = "";
  }

  get tags() {
    return this.chips.filter(pressed).map((chip) => chip.textContent);
  }

  // The comment, without halves of characters, which JSON can hold but UTF-8 cannot.
  get text() {
    return this.comment.value.replace(/\p{Surrogate}/gu, "").trim();
  }

  get count() {
    return this.tags.length + (this.text ? 1 : 0);
  }
}

function pressed(button) {
  return button.getAttribute("aria-pressed") === "true";
}

function press(button, on) {
  button.setAttribute("aria-pressed", String(on));
}
