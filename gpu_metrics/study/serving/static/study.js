// The start: what there is to judge is told by the bundle, or else by the server.
"use strict";

async function fetchState() {
  for (let wait = 1000; ; wait = Math.min(2 * wait, 15000)) {
    try {
      const response = await fetch("state");
      const body = await response.json();
      if ("screens" in body) return body;
      if (response.status === 403 && "error" in body) return null;
    } catch {
      // no connection yet, or to something on the way: try again below
    }
    part("late").textContent = "Waiting for the connection…";
    await pause(wait);
  }
}

async function begin() {
  const state = window.STUDY_STATE ?? (await fetchState());
  part("late").textContent = "";
  if (!state) {
    part("over").hidden = false;
    part("over-title").textContent = "This link no longer holds";
    part("over-text").textContent = "Please ask the organisers for another.";
    return;
  }
  const practice = state.screens.filter((screen) => screen.practice).length;
  const votes = state.screens.length - practice;
  for (const place of document.querySelectorAll("[data-best]")) place.textContent = state.best;
  part("scenes").textContent = `${votes} screen${votes === 1 ? "" : "s"}`;
  part("first").hidden = !practice;
  part("judged").hidden = !state.dimensions.length;
  part("dimensions").textContent = state.dimensions.join(", ");
  new Page(state).start();
}

begin();
