// The table of listeners.

import { Table } from "./table.js";
import { count, put, putState, rate, make } from "./text.js";

const state = (cell, { row }) => {
  putState(cell.firstChild ?? cell.appendChild(make("span", { of: "state" })), row.state);
};

const COLUMNS = [
  { head: "Listener", of: "name", show: (cell, { row }) => put(cell, row.listener) },
  { head: "Endpoint", of: "code", show: (cell, { row }) => put(cell, row.endpoint) },
  { head: "Protocol", show: (cell, { row }) => put(cell, row.protocol) },
  { head: "Group", show: (cell, { row }) => put(cell, [row.server_group, ...row.rule_groups].join(", ")) },
  { head: "State", of: "why", show: state },
  { head: "Connections", of: "number", show: (cell, { row }) => put(cell, count(row.connections)) },
  { head: "Last 2 min", of: "drawn", history: (entry) => entry.connections },
  { head: "Per second", of: "number", show: (cell, { rates }) => put(cell, rate(rates.last)) },
  { head: "Last 2 min", of: "drawn", history: (entry) => entry.rates },
  { head: "Refused", of: "number", show: (cell, { row }) => put(cell, count(row.refused)) },
];

export class Listeners {
  #table = new Table("Listeners", COLUMNS);

  constructor() {
    document.getElementById("listeners").append(this.#table.node);
  }

  show(picture) {
    return this.#table.show([...picture.listeners.values()]);
  }
}
