// A table whose rows are kept by key: what has not changed is not touched.

import { Spark } from "./spark.js";
import { make, put, putState } from "./text.js";

const SHARE = 4; // ms of a frame that rows may take; to lay them out takes the browser some times as long

/** A column that shows `text(entry)`. */
export const shown = (head, of, text) => ({ head, of, show: (cell, entry) => put(cell, text(entry)) });

/** A column that shows `state(entry)`. */
export const stated = (head, of, state) => ({
  head,
  of,
  inside: "state",
  show: (cell, entry) => putState(cell.firstChild, state(entry)),
});

/**
 * A column has a `head` and a class (`of`), and `show(cell, entry)` or the `history(entry)` that is drawn
 * in it; `inside` are the classes of elements that its cells have from the beginning.
 */
export class Table {
  #rows = new Map();
  #body = make("tbody", { role: "rowgroup" });

  constructor(caption, columns, { newestFirst = false } = {}) {
    this.columns = columns;
    this.newestFirst = newestFirst;
    const head = make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...columns.map(headOf)));
    const name = make("caption", { of: "unseen", text: caption });
    this.node = make("table", { role: "table" }, name, head, this.#body);
  }

  /** Shows these; returns whether there is more for the next frame. */
  show(entries) {
    const keys = new Set(entries.map((entry) => entry.key));
    for (const [key, row] of this.#rows) if (!keys.has(key)) this.#remove(key, row);
    const until = performance.now() + SHARE;
    for (const entry of entries) {
      if (performance.now() > until) return true;
      if (!this.#rows.has(entry.key)) this.#add(entry);
      this.#update(this.#rows.get(entry.key), entry);
    }
    return false;
  }

  /** Hides the rows that `wanted` does not want. */
  filter(wanted) {
    for (const row of this.#rows.values()) row.node.hidden = !wanted(row.entry);
  }

  #add(entry) {
    const row = { entry, cells: [], sparks: [], version: -1 };
    row.node = make("tr", { role: "row" }, ...this.columns.map((column, n) => cellOf(row, column, n)));
    this.#rows.set(entry.key, row);
    if (this.newestFirst) this.#body.prepend(row.node);
    else this.#body.append(row.node);
  }

  #update(row, entry) {
    if (row.entry !== entry) {
      if (row.entry.row !== entry.row) row.version = -1;
      row.entry = entry;
    }
    if (row.version === entry.version) return;
    row.version = entry.version;
    for (const spark of row.sparks) spark.draw();
    this.columns.forEach(({ show }, n) => show?.(row.cells[n], entry));
  }

  #remove(key, row) {
    for (const spark of row.sparks) spark.leave();
    row.node.remove();
    this.#rows.delete(key);
  }
}

const headOf = ({ head, of }) => make("th", { of, scope: "col", role: "columnheader", text: head });

function cellOf(row, { head, of, inside = "", history }, n) {
  const kind = n ? { role: "cell" } : { scope: "row", role: "rowheader" };
  const cell = make(n ? "td" : "th", { of, "data-label": head, ...kind });
  for (const name of inside.split(" ").filter(Boolean)) cell.append(make("span", { of: name }));
  if (history) {
    const spark = new Spark(() => history(row.entry));
    row.sparks.push(spark);
    cell.append(spark.node);
  }
  row.cells.push(cell);
  return cell;
}
