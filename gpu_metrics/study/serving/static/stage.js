// All tiles of a screen: set out, zoomed, moved and compared together.
"use strict";

class Stage {
  // `actions.pick(position)` is called for a tile's button, `actions.changed()` after each drawing.
  constructor(root, actions) {
    this.root = root;
    this.actions = actions;
    this.view = new View();
    this.tiles = [];
    this.only = null;
    this.before = null;
    this.current = null;
    this.comparing = false;
    this.frame = 0;
    new ResizeObserver(() => this.arrange()).observe(root);
    addEventListener("resize", () => this.arrange());
  }

  // Set out empty tiles for a screen; the pictures come later, all at once.
  open(screen) {
    this.only = this.before = this.current = null;
    this.view.open(screen.width, screen.height);
    this.tiles = [new Tile(null), ...screen.order.map((_, position) => new Tile(position))];
    this.root.replaceChildren(...this.tiles.map((tile) => tile.root));
    this.root.classList.add("waiting");
    this.root.setAttribute("aria-busy", "true");
    for (const tile of this.tiles) this.#listen(tile);
    this.arrange();
  }

  // Show the pictures, the input's first.
  reveal(pictures) {
    this.tiles.forEach((tile, index) => (tile.picture = pictures[index]));
    this.root.classList.remove("waiting");
    this.root.setAttribute("aria-busy", "false");
    this.draw();
  }

  arrange() {
    if (!this.tiles.length) return;
    const ratio = devicePixelRatio;
    const width = Math.floor(this.root.clientWidth * ratio);
    const height = Math.floor(this.root.clientHeight * ratio);
    const { image } = this.view;
    const grid = arrange(this.tiles.length - 1, image.width / image.height, width, height, ratio);
    const whole = alone(width, height, ratio);
    this.tiles.forEach((tile, index) => {
      const shown = this.only === null || tile === this.only;
      tile.root.hidden = !shown;
      tile.root.classList.toggle("alone", tile === this.only);
      tile.place(tile === this.only ? whole : grid[index], ratio);
    });
    const port = this.only === null ? grid[0] : whole;
    this.view.resize(port.width, port.height);
    this.draw();
  }

  // Draw all tiles in the next frame, however often this is asked for.
  draw() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      const [input] = this.tiles;
      for (const tile of this.tiles) {
        if (tile.root.hidden) continue;
        tile.draw((this.comparing ? input : tile).picture, this.view);
      }
      this.actions.changed();
    });
  }

  // Change the view by one of its methods, in all tiles.
  look(method, ...args) {
    this.view[method](...args);
    this.draw();
  }

  // Show the input in the place of every candidate, for as long as asked.
  compare(on) {
    if (this.comparing === on) return;
    this.comparing = on;
    document.body.classList.toggle("comparing", on);
    this.draw();
  }

  // Look at one tile over the whole stage; null shows all again.
  enlarge(tile) {
    const last = this.only;
    if (tile && last && tile !== last) this.before = last;
    this.only = tile;
    if (tile) this.current = tile;
    this.arrange();
    if (tile) tile.lens.focus({ focusVisible: false });
    else last?.lens.focus({ focusVisible: false });
  }

  // From the tile that is looked at alone to the candidate after (1) or before (-1) it.
  turn(direction) {
    const candidates = this.tiles.slice(1);
    const index = candidates.indexOf(this.only);
    const start = index < 0 && direction < 0 ? 0 : index;
    this.enlarge(candidates.at((start + direction) % candidates.length));
  }

  // Back to the tile that was looked at before, and forth again.
  flip() {
    if (this.before) this.enlarge(this.before);
  }

  #listen(tile) {
    const { canvas } = tile;
    const at = (event) => ({
      x: event.offsetX * devicePixelRatio,
      y: event.offsetY * devicePixelRatio,
    });
    tile.pick.addEventListener("click", () => this.actions.pick(tile.position));
    tile.lens.addEventListener("click", () => this.enlarge(this.only ? null : tile));
    tile.root.addEventListener("pointerenter", () => (this.current = tile));
    tile.root.addEventListener("focusin", () => (this.current = tile));
    canvas.addEventListener("dblclick", (event) => {
      if (this.view.fitted) this.look("zoom", 1, at(event));
      else this.look("fit");
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      // lines, where a browser counts in them, are taken as 16 pixels
      const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1);
      this.look("zoomBy", Math.exp(-pixels / 400), at(event));
    });
    this.#listenToDrags(canvas);
  }

  #listenToDrags(canvas) {
    let last = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      last = event;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return;
      const dx = (event.clientX - last.clientX) * devicePixelRatio;
      const dy = (event.clientY - last.clientY) * devicePixelRatio;
      this.look("pan", dx, dy);
      last = event;
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => (last = null));
    }
  }
}
