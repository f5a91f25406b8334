// A table whose rows are kept by key: what has not changed is not touched.

import { make } from "./text.js";
import { Spark } from "./spark.js";

const AT_ONCE = 40; // rows that are made in one frame

/** A column: `show(cell, entry)` shows a cell, or `history(entry)` is what is drawn in it. */
export class Table {
  #rows = new Map();

  constructor(caption, columns) {
    this.columns = columns;
    const heads = columns.map(({ head, of = "" }) => make("th", { of, scope: "col", role: "columnheader", text: head }));
    this.body = make("tbody", { role: "rowgroup" });
    this.node = make(
      "table",
      { role: "table" },
      make("caption", { of: "unseen", text: caption }),
      make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...heads)),
      this.body,
    );
  }

  /** Shows these; returns whether there is more to be made in the next frame. */
  show(entries) {
    const keys = new Set(entries.map((entry) => entry.key));
    for (const [key, row] of this.#rows) if (!keys.has(key)) this.#remove(key, row);
    let made = 0;
    for (const entry of entries) {
      if (!this.#rows.has(entry.key)) {
        if (made === AT_ONCE) return true;
        this.#add(entry);
        made += 1;
      }
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
    row.node = make("tr", { role: "row" }, ...this.columns.map((column, n) => this.#cell(row, column, n)));
    this.#rows.set(entry.key, row);
    this.body.append(row.node);
  }

  #cell(row, { head, of = "", history }, n) {
    const kind = n ? { role: "cell" } : { scope: "row", role: "rowheader" };
    const cell = make(n ? "td" : "th", { of, "data-label": head, ...kind });
    if (history) {
      const spark = new Spark(() => history(row.entry));
      row.sparks.push(spark);
      cell.append(spark.node);
    }
    row.cells.push(cell);
    return cell;
  }

  #update(row, entry) {
    if (row.entry !== entry) {
      row.entry = entry;
      row.version = -1;
    }
    for (const spark of row.sparks) spark.draw();
    if (row.version === entry.version) return;
    row.version = entry.version;
    this.columns.forEach(({ show }, n) => show?.(row.cells[n], entry));
  }

  #remove(key, row) {
    for (const spark of row.sparks) spark.leave();
    row.node.remove();
    this.#rows.delete(key);
  }
}
