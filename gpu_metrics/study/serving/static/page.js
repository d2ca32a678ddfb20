// A juror's way through the screens: from the first that is not cast to the thanks at the end.
"use strict";

// how many screens are loaded ahead, so that a juror can go on where the connection is lost
const AHEAD = 3;

class Page {
  constructor(state) {
    this.state = state;
    this.bundle = "invitation" in state;
    this.screen = null;
    this.ready = false;
    this.picks = new Picks(state.best);
    this.clock = new Clock();
    this.pictures = new Pictures((late) => this.bar.line("late", late ? "Images are late…" : ""));
    this.outbox = new Outbox(state, (...news) => this.#told(...news));
    this.notes = new Notes(part("notes"), state.dimensions, () => this.bar.refresh());
    this.stage = new Stage(part("stage"), {
      pick: (position) => this.pick(position),
      changed: () => this.bar.zoomed(),
    });
    this.bar = new Bar(this);
  }

  start() {
    for (const ballot of this.outbox.ballots()) this.#markCast(ballot.screen);
    listenToKeys(this);
    addEventListener("storage", (event) => {
      const screen = event.newValue && this.outbox.screenOf(event.key);
      if (screen) this.#passOver(screen);
    });
    addEventListener("beforeunload", (event) => {
      if (this.outbox.busy) event.preventDefault();
    });
    this.#send();
    this.next();
    if (!this.state.screens.some((screen) => screen.cast)) part("welcome").showModal();
  }

  // Go to the first screen that is not cast.
  next() {
    this.stage.compare(false);
    // a button that is disabled while it has the focus swallows keys in some browsers
    document.activeElement?.blur();
    const left = this.state.screens.filter((screen) => !screen.cast);
    if (!left.length) return this.#finish();
    if (this.screen?.practice && !left[0].practice) part("begins").showModal();
    this.screen = left[0];
    this.bar.open();
    this.#show(left);
  }

  async #show(left) {
    const { screen } = this;
    this.ready = false;
    this.picks = new Picks(this.state.best, this.picks.ordered);
    this.notes.clear();
    this.toggleNotes(false);
    this.stage.open(screen);
    this.bar.refresh();
    const [now, next, soon] = [[0, 1], [1, 2], [2, AHEAD + 1]].map(([from, to]) =>
      left.slice(from, to).flatMap(({ input, order }) => [input, ...order]),
    );
    this.pictures.keep(new Set([...now, ...next, ...soon]), new Set([...now, ...next]));
    const pictures = await Promise.all(now.map((token) => this.pictures.picture(token)));
    if (screen !== this.screen) return;
    this.stage.reveal(pictures);
    this.clock.start();
    this.ready = true;
    this.bar.refresh();
    // one after another, so that ballots find a free connection on slow lines, too
    for (const token of next) if (screen === this.screen) await this.pictures.picture(token);
    for (const token of soon) if (screen === this.screen) await this.pictures.file(token);
  }

  pick(position) {
    if (!this.ready || position === null) return;
    const { best } = this.picks;
    if (!this.picks.toggle(position)) this.bar.hint(`${best} are picked: drop one first.`);
    this.bar.refresh();
  }

  toggleOrder() {
    this.picks.ordered = !this.picks.ordered;
    this.bar.refresh();
  }

  toggleNotes(open = part("notes").hidden) {
    part("notes").hidden = !open;
    part("noting").setAttribute("aria-expanded", String(open));
    if (open) (this.notes.chips[0] ?? this.notes.comment).focus();
  }

  // Leave what is open: the notes, else the tile that fills the window.
  leave() {
    if (!part("notes").hidden) {
      this.toggleNotes(false);
      part("noting").focus();
    } else if (this.stage.only) this.stage.enlarge(null);
  }

  cast() {
    if (!this.ready || !this.screen) return;
    const { positions, complete, best, ordered } = this.picks;
    if (!complete) return this.bar.hint(`Pick ${best} to cast a ballot.`);
    const kept = this.outbox.keep({
      screen: this.screen.screen,
      picks: positions.map((position) => this.screen.order[position]),
      ordered,
      tags: this.notes.tags,
      comment: this.notes.text,
      seconds: this.clock.seconds,
    });
    if (!kept) return this.#passOver(this.screen.screen);
    this.screen.cast = true;
    this.bar.hint(this.outbox.loose.size ? "Not stored: keep this window open." : "");
    this.#send();
    this.next();
  }

  // Offer the ballots as a file, as far as they are cast.
  save() {
    const { study, juror, invitation, screens } = this.state;
    const ballots = new Map(this.outbox.ballots().map((ballot) => [ballot.screen, ballot]));
    const inOrder = screens.map(({ screen }) => ballots.get(screen)).filter(Boolean);
    const text = JSON.stringify({ study, juror, invitation, ballots: inOrder }, null, 1);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = `ballots-${juror}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  #finish() {
    this.screen = null;
    this.ready = false;
    this.toggleNotes(false);
    const rest = this.bundle
      ? ". Save your ballots and send the file to the organisers."
      : this.outbox.ballots().length
        ? ". Keep this window open until your last ballots are sent."
        : " and your ballots are cast.";
    this.bar.close("Thank you", `Every screen is judged${rest}`);
    this.bar.refresh();
  }

  #send() {
    if (!this.bundle) this.outbox.flush();
  }

  #told(happened, screen, error) {
    const number = this.outbox.ballots().length;
    const kept = `${number} ballot${number === 1 ? "" : "s"} kept here`;
    this.bar.line("connection", happened === "waiting" ? `${kept}, will be sent` : "");
    if (happened === "elsewhere") this.#passOver(screen);
    if (happened === "refused") this.#comeBack(screen, error);
    if (happened === "closed") {
      this.screen = null;
      this.bar.refresh();
      this.bar.close(
        "This link no longer holds",
        `Or another was opened in this browser. Open yours again: ${kept}, and sent then.`,
      );
    } else if (happened !== "waiting" && !this.screen) this.next();
  }

  #passOver(screen) {
    this.#markCast(screen);
    this.bar.hint("Cast before, elsewhere: that stands.");
    if (this.screen?.screen === screen) this.next();
  }

  #comeBack(id, error) {
    this.state.screens.find(({ screen }) => screen === id).cast = false;
    this.bar.hint(`A ballot was refused: ${error}`);
  }

  #markCast(id) {
    const found = this.state.screens.find(({ screen }) => screen === id);
    if (found) found.cast = true;
  }
}
