// Each running drain, as a bar that empties.

import { count, make, many, put, putState, span, whoAndWhy } from "./text.js";

const byId = (id) => document.getElementById(id);

const bar = (of) => make("div", { of: `bar ${of}` }, make("span"));

const fill = ({ firstChild }, share) => {
  const scale = `scaleX(${Math.min(1, Math.max(0, share)).toFixed(4)})`;
  if (firstChild.style.transform !== scale) firstChild.style.transform = scale;
};

/** What is left of its time, from 1 to 0. */
function timeLeft({ seconds_left: left, start, deadline }) {
  return left / ((Date.parse(deadline) - Date.parse(start)) / 1000 || 1);
}

const leftInWords = ({ state, seconds_left: left }) => {
  if (state === "cutting") return "being cut";
  return left === "never" ? "no deadline" : `${span(left)} left`;
};

class Drain {
  constructor({ subject }) {
    this.state = make("span", { of: "state" });
    this.cause = make("span", { of: "quiet" });
    this.left = make("strong");
    this.of = make("span", { of: "quiet" });
    this.time = make("span", { of: "time" });
    this.bar = bar("connections");
    this.clock = bar("seconds");
    this.why = make("p", { of: "quiet" });
    this.#bar(subject);
    const name = make("strong", { of: "name", text: subject });
    const head = make("p", { of: "beside" }, name, this.state, this.cause);
    const left = make("p", { of: "beside" }, make("span", {}, this.left, this.of), this.time);
    this.node = make("li", { of: "drain" }, head, left, this.bar, this.clock, this.why);
  }

  show(row) {
    const total = Math.max(row.at_start, row.connections);
    putState(this.state, row.state === "cutting" ? "cutting" : "draining");
    put(this.cause, row.cause);
    put(this.left, many(row.connections, "connection"));
    put(this.of, ` left of ${count(total)}`);
    put(this.time, leftInWords(row));
    fill(this.bar, total ? row.connections / total : 0);
    this.clock.hidden = row.seconds_left === "never";
    if (!this.clock.hidden) fill(this.clock, timeLeft(row));
    this.bar.setAttribute("aria-valuemax", total);
    this.bar.setAttribute("aria-valuenow", row.connections);
    put(this.why, whoAndWhy(row));
  }

  #bar(subject) {
    this.bar.setAttribute("role", "progressbar");
    this.bar.setAttribute("aria-label", `Connections left of ${subject}`);
    this.bar.setAttribute("aria-valuemin", "0");
  }
}

export class Drains {
  #shown = new Map();

  show({ drains }) {
    const running = new Set(drains.map((row) => row.subject));
    for (const [subject, drain] of this.#shown) if (!running.has(subject)) this.#end(subject, drain);
    for (const row of drains) this.#show(row);
    byId("no-drain").hidden = drains.length > 0;
  }

  #show(row) {
    let drain = this.#shown.get(row.subject);
    if (!drain) {
      drain = new Drain(row);
      this.#shown.set(row.subject, drain);
      byId("drain-list").append(drain.node);
      say(`${row.subject} drains: ${many(row.connections, "connection")}, ${leftInWords(row)}`);
    }
    drain.show(row);
  }

  #end(subject, drain) {
    drain.node.remove();
    this.#shown.delete(subject);
    say(`The drain of ${subject} has ended`);
  }
}

/** To who listens: beginnings and ends alone, for figures that change each second are a nuisance. */
function say(text) {
  put(byId("said"), text);
}
