// The bar below the tiles: what is done, what can be done, and what has happened.
"use strict";

const HINT_TIME = 6000;

const part = (id) => document.getElementById(id);

class Bar {
  constructor(page) {
    this.page = page;
    part("save").hidden = part("save-all").hidden = !page.bundle;
    this.#listen();
  }

  // Show how far the juror is, and what is picked on this screen.
  refresh() {
    const { screen, picks, stage, notes, ready } = this.page;
    this.#showProgress();
    stage.tiles.slice(1).forEach((tile) => (tile.badge = picks.badge(tile.position)));
    part("picked").textContent = `${picks.positions.length} of ${picks.best}`;
    part("cast").disabled = !(ready && screen && picks.complete);
    press(part("order"), picks.ordered);
    part("noting").textContent = notes.count ? `Notes (${notes.count})` : "Notes";
    for (const control of document.querySelectorAll(".judging")) control.hidden = !screen;
  }

  // Show how large the images are.
  zoomed() {
    const { view } = this.page.stage;
    part("zoom").textContent = `${Math.round(view.scale * 100)} %`;
    press(part("fit"), view.fitted);
    for (const button of document.querySelectorAll("[data-zoom]")) {
      press(button, !view.fitted && view.scale === Number(button.dataset.zoom));
    }
  }

  // Say something for a few seconds.
  hint(text) {
    clearTimeout(this.hinted);
    this.line("hint", text);
    this.hinted = setTimeout(() => this.line("hint", ""), HINT_TIME);
  }

  // Say something until it is no longer so.
  line(id, text) {
    if (part(id).textContent !== text) part(id).textContent = text;
  }

  // Put words in the place of the tiles.
  close(title, text) {
    part("stage").hidden = true;
    part("over").hidden = false;
    part("over-title").textContent = title;
    part("over-text").textContent = text;
  }

  open() {
    part("stage").hidden = false;
    part("over").hidden = true;
  }

  #showProgress() {
    const { screen, state } = this.page;
    const practice = Boolean(screen?.practice);
    const group = state.screens.filter((other) => other.practice === practice);
    const done = group.filter((other) => other.cast).length;
    const count = `${screen ? group.indexOf(screen) + 1 : done} of ${group.length}`;
    part("count").textContent = practice ? `Practice ${count}` : count;
    part("progress").max = group.length;
    part("progress").value = done;
    part("practice").hidden = !practice;
  }

  #listen() {
    const { page } = this;
    const { stage } = page;
    const clicks = {
      fit: () => stage.look("fit"),
      order: () => page.toggleOrder(),
      noting: () => page.toggleNotes(),
      cast: () => page.cast(),
      save: () => page.save(),
      "save-all": () => page.save(),
      asking: () => part("help").showModal(),
    };
    for (const [id, click] of Object.entries(clicks)) part(id).addEventListener("click", click);
    for (const button of document.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => stage.look("zoom", Number(button.dataset.zoom)));
    }
    const hold = part("hold");
    hold.addEventListener("pointerdown", (event) => {
      hold.setPointerCapture(event.pointerId);
      stage.compare(true);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      hold.addEventListener(end, () => stage.compare(false));
    }
  }
}
