// What each key does; letters belong to the candidates, all else to the view.
"use strict";

const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
// the part of a tile that an arrow moves the image by
const STRIDE = 0.15;

function listenToKeys(page) {
  const { stage } = page;
  addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      if (!event.repeat) page.cast();
      event.preventDefault();
      return;
    }
    if (event.key === "Escape") return page.leave();
    if (event.target.matches("textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (stage.root.hidden) return;
    if (act(page, event)) event.preventDefault();
  });
  addEventListener("keyup", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    stage.compare(false);
    // where a button has the focus, the space would also press it
    if (event.key === " " && !event.target.matches("textarea")) event.preventDefault();
  });
  addEventListener("blur", () => stage.compare(false));
}

// Do what a key asks for; true where it asks for something.
function act(page, event) {
  const { stage } = page;
  const { key, target } = event;
  const arrow = ARROWS[key];
  const position = positionOf(event);
  const digit = /^(?:Digit|Numpad)([0124])$/.exec(event.code)?.[1];
  if (arrow && stage.only && arrow[0] && !event.shiftKey) stage.turn(-arrow[0]);
  else if (arrow) {
    const { port } = stage.view;
    stage.look("pan", arrow[0] * port.width * STRIDE, arrow[1] * port.height * STRIDE);
  } else if (key === "+" || key === "=") stage.look("step", 1);
  else if (key === "-" || key === "_") stage.look("step", -1);
  else if (event.repeat) return key === " " || key === "Enter";
  else if (key === " " || (key === "Enter" && target.id === "hold")) stage.compare(true);
  else if (digit === "0") stage.look("fit");
  else if (digit) stage.look("zoom", Number(digit));
  else if (key === "?") part("help").showModal();
  else if (key === "/") page.toggleNotes();
  else if (key === ".") page.toggleOrder();
  else if (key === "Backspace" && stage.only) stage.flip();
  else if (key === "Enter" && !target.matches("button")) {
    stage.enlarge(stage.only ? null : (stage.current ?? stage.tiles[1]));
  } else if (position === null || position >= stage.tiles.length - 1) return false;
  else if (event.shiftKey) stage.enlarge(stage.tiles[position + 1]);
  else page.pick(position);
  return true;
}

// The candidate whose letter was struck, or null; by its place where the alphabet is another.
function positionOf(event) {
  const struck = /^[a-z]$/i.test(event.key) ? event.key : /^Key([A-Z])$/.exec(event.code)?.[1];
  return struck ? struck.toUpperCase().charCodeAt(0) - 65 : null;
}
