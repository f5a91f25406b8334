// The receipts of drains that have ended, the newest first.

import { clock, count, make, span, whoAndWhy } from "./text.js";

const KEPT = 20;
const byId = (id) => document.getElementById(id);

const COLUMNS = [
  ["Subject", "name", (row) => row.subject],
  ["Outcome", "outcome", (row) => row.outcome],
  ["Cause", "cause", (row) => row.cause],
  ["Ended", "ended", (row) => clock(row.end)],
  ["Took", "number", (row) => span(row.seconds)],
  ["Connections", "number connections", (row) => count(row.connections)],
  ["Finished", "number", (row) => count(row.finished)],
  ["Cut", "number cut", (row) => count(row.cut)],
  ["Kept", "number kept", (row) => count(row.kept)],
  ["Who and why", "who", whoAndWhy],
];

function cell(row, [head, of, text], n) {
  const kind = n ? { role: "cell" } : { scope: "row", role: "rowheader" };
  const made = make(n ? "td" : "th", { of, "data-label": head, ...kind });
  if (head === "Outcome") made.append(make("span", { of: "state", text: text(row), "data-state": row.outcome }));
  else made.textContent = text(row);
  return made;
}

export class Receipts {
  #shown;

  constructor() {
    const heads = COLUMNS.map(([text, of]) => make("th", { of, scope: "col", role: "columnheader", text }));
    this.body = make("tbody", { role: "rowgroup" });
    const head = make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...heads));
    const caption = make("caption", { of: "unseen", text: "Receipts, the newest first" });
    this.node = make("table", { role: "table" }, caption, head, this.body);
    byId("receipts").append(this.node);
  }

  show({ receipts }) {
    if (receipts === this.#shown) return;
    this.#shown = receipts;
    const rows = receipts.slice(-KEPT).reverse();
    this.body.replaceChildren(...rows.map((row) => make("tr", { role: "row" }, ...COLUMNS.map((c, n) => cell(row, c, n)))));
    this.node.hidden = !rows.length;
    byId("no-receipt").hidden = rows.length > 0;
  }
}
