// How long a screen has been looked at: the time while the page was visible.
"use strict";

class Clock {
  constructor() {
    this.start();
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#add();
      else this.since = performance.now();
    });
  }

  start() {
    this.total = 0;
    this.since = performance.now();
  }

  get seconds() {
    const running = document.hidden ? 0 : performance.now() - this.since;
    return Math.round(this.total + running) / 1000;
  }

  #add() {
    this.total += performance.now() - this.since;
  }
}
