// Ballots on their way: kept in the browser first, sent until the server has answered.
"use strict";

// how long an answer is waited for, and how long to rest before the next attempt
const PATIENCE = 20000;
const FIRST_REST = 1000;
const LONGEST_REST = 30000;

// answers that decide on a ballot; any other, or none, is a reason to try again
const OUTCOMES = {
  200: "arrived",
  201: "arrived",
  400: "refused",
  409: "elsewhere",
  413: "refused",
  422: "refused",
};

class Outbox {
  // `told` is called with what happened: "arrived", "waiting", "elsewhere", "refused" or "closed".
  constructor(state, told) {
    this.prefix = `study/${state.study}/${state.juror}/`;
    this.juror = state.juror;
    this.told = told;
    this.sending = false;
    this.closed = false;
    // ballots that the browser would not store
    this.loose = new Map();
  }

  // Whether closing the window now would lose a ballot, or leave it here unsent.
  get busy() {
    return this.sending || this.loose.size > 0;
  }

  // Keep a ballot; false where one of the same screen is kept already, which then stands.
  keep(ballot) {
    if (this.has(ballot.screen)) return false;
    try {
      localStorage.setItem(this.prefix + ballot.screen, JSON.stringify(ballot));
    } catch {
      this.loose.set(ballot.screen, ballot);
    }
    return true;
  }

  has(screen) {
    return this.ballots().some((ballot) => ballot.screen === screen);
  }

  ballots() {
    return [...stored(this.prefix), ...this.loose.values()];
  }

  drop(screen) {
    this.loose.delete(screen);
    try {
      localStorage.removeItem(this.prefix + screen);
    } catch {
      // a browser that stores nothing has nothing to remove
    }
  }

  // Whether the key of a change in storage is that of a ballot of this juror's.
  screenOf(key) {
    return key?.startsWith(this.prefix) ? key.slice(this.prefix.length) : null;
  }

  // Send all that is kept; comes back when all has arrived or the link holds no more.
  async flush() {
    if (this.sending) return;
    this.sending = true;
    let rest = FIRST_REST;
    // a ballot that cannot be sent now does not keep the others waiting
    for (let turn = 0, left; !this.closed && (left = this.ballots()).length; ) {
      if (await this.#send(left[turn % left.length])) {
        rest = FIRST_REST;
      } else if (!this.closed) {
        turn++;
        this.told("waiting");
        await pause(rest);
        rest = Math.min(2 * rest, LONGEST_REST);
      }
    }
    this.sending = false;
  }

  // Send a ballot once; true where the server has decided on it.
  async #send(ballot) {
    const answer = await post(ballot, this.juror);
    if (answer.status === 403) {
      this.closed = true;
      this.told("closed");
      return false;
    }
    const happened = OUTCOMES[answer.status];
    if (!happened) return false;
    this.drop(ballot.screen);
    this.told(happened, ballot.screen, answer.error);
    return true;
  }
}

function stored(prefix) {
  try {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(prefix))
      .map((key) => parsed(localStorage.getItem(key)))
      .filter((ballot) => ballot !== null);
  } catch {
    return [];
  }
}

// What an entry holds; null where it is gone or was cut short, which must not hide the others.
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// The status and the error sentence of the server's answer; status 0 where there is none, or one
// that is not the server's: gates on the way answer with pages of their own, with any status.
async function post(ballot, juror) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE);
  try {
    const response = await fetch("ballots", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Study-Juror": juror },
      body: JSON.stringify(ballot),
      signal: abort.signal,
      // closing the window does not call it back
      keepalive: true,
    });
    const body = await response.json();
    const own = "new" in body || "error" in body;
    return own ? { status: response.status, error: body.error } : { status: 0 };
  } catch {
    return { status: 0 };
  } finally {
    clearTimeout(timer);
  }
}
