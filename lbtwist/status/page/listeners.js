// The table of listeners.

import { Table, shown, stated } from "./table.js";
import { count, rate } from "./text.js";

const COLUMNS = [
  shown("Listener", "name", ({ row }) => row.listener),
  shown("Endpoint", "code", ({ row }) => row.endpoint),
  shown("Protocol", "", ({ row }) => row.protocol),
  shown("Group", "", ({ row }) => [row.server_group, ...row.rule_groups].join(", ")),
  stated("State", "why", ({ row }) => row.state),
  shown("Connections", "number", ({ row }) => count(row.connections)),
  { head: "Last 2 min", of: "drawn", history: (entry) => entry.connections },
  shown("Per second", "number", ({ rates }) => rate(rates.last)),
  { head: "Last 2 min", of: "drawn", history: (entry) => entry.rates },
  shown("Refused", "number", ({ row }) => count(row.refused)),
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
