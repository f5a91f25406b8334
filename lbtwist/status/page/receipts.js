// The receipts of drains that have ended, the newest first.

import { Table, shown, stated } from "./table.js";
import { clock, count, span, whoAndWhy } from "./text.js";

const KEPT = 20;
const byId = (id) => document.getElementById(id);
const number = (head, value, of = "") => shown(head, `number ${of}`, ({ row }) => count(value(row)));

const COLUMNS = [
  shown("Subject", "name", ({ row }) => row.subject),
  stated("Outcome", "outcome", ({ row }) => row.outcome),
  shown("Cause", "cause", ({ row }) => row.cause),
  shown("Ended", "ended", ({ row }) => clock(row.end)),
  shown("Took", "number", ({ row }) => span(row.seconds)),
  number("Connections", (row) => row.connections, "connections"),
  number("Finished", (row) => row.finished),
  number("Cut", (row) => row.cut, "cut"),
  number("Kept", (row) => row.kept, "kept"),
  shown("Who and why", "who", ({ row }) => whoAndWhy(row)),
];

export class Receipts {
  #table = new Table("Receipts, the newest first", COLUMNS, { newestFirst: true });

  constructor() {
    byId("receipts").append(this.#table.node);
  }

  show({ receipts }) {
    const last = receipts.slice(-KEPT);
    this.#table.show(last.map((row) => ({ key: `${row.subject} ${row.start}`, row, version: 0 })));
    this.#table.node.hidden = !last.length;
    byId("no-receipt").hidden = last.length > 0;
  }
}
