// What happened lately, the newest first.

import { clock, make } from "./text.js";

const KEPT = 50;

export class Events {
  #known = new Set();
  #list = document.getElementById("event-list");

  /** Shows an event once, however often it is told. */
  add(row, id) {
    if (this.#known.has(id)) return;
    this.#known.add(id);
    const text = [row.subject, row.event, row.who && `(${row.who})`].filter(Boolean).join(" ");
    const time = make("time", { datetime: row.time, text: clock(row.time) });
    this.#list.prepend(make("li", {}, time, make("span", { text })));
    while (this.#list.children.length > KEPT) this.#list.lastChild.remove();
  }
}
