// Server groups, each with a table of its servers that can be folded away.

import { groupOf } from "./picture.js";
import { Spark } from "./spark.js";
import { Table, shown } from "./table.js";
import { count, many, make, put, putState, rate, span } from "./text.js";

const MANY = 100; // servers, from which on a group is folded at first

/** The state as a word, and beside it why. */
function showState({ firstChild: word, lastChild: beside }, { row }) {
  putState(word, row.state);
  const left = row.seconds_left === "never" ? "no deadline" : `${span(row.seconds_left)} left`;
  const why = [row.reason, row.seconds_left === null ? "" : left];
  put(beside, why.filter(Boolean).join(", ").replaceAll("_", " "));
}

const COLUMNS = [
  shown("Server", "name", ({ key, row }) => row.server.slice(groupOf(key).length + 1)),
  shown("Address", "code", ({ row }) => row.address),
  { head: "State", of: "why", inside: "state quiet", show: showState },
  shown("Weight", "number weight", ({ row }) => count(row.weight)),
  shown("Connections", "number", ({ row }) => count(row.connections)),
  { head: "Last 2 min", of: "drawn", history: (entry) => entry.connections },
  shown("Per second", "number", ({ rates }) => rate(rates.last)),
  shown("Failed", "number", ({ row }) => count(row.failed)),
  shown("Last check", "check", ({ row }) => row.last_check ?? "–"),
];

class Group {
  #version = -1;

  constructor(entry, servers, again) {
    this.entry = entry;
    this.available = make("span");
    this.problem = make("span", { of: "problem" });
    this.connections = make("span", { of: "number" });
    this.rate = make("span", { of: "number" });
    this.sparks = [new Spark(() => this.entry.connections), new Spark(() => this.entry.rates)];
    this.table = new Table(`Servers of ${entry.key}`, COLUMNS);
    this.node = make("details", { of: "group" }, this.#summary(), this.table.node);
    this.node.open = servers <= MANY;
    this.node.addEventListener("toggle", again);
  }

  /** Returns whether there is more to be shown in the next frame. */
  show(entry, servers, wanted) {
    this.entry = entry;
    if (this.#version !== entry.version) this.#figures(entry);
    if (!this.node.open) return false;
    const more = this.table.show(servers);
    this.table.filter(wanted);
    return more;
  }

  #summary() {
    const [connections, rates] = this.sparks;
    return make(
      "summary",
      {},
      make("h3", { of: "name", text: this.entry.key }),
      make("span", { of: "quiet" }, this.available, this.problem),
      make("span", { of: "measure" }, connections.node, this.connections),
      make("span", { of: "measure" }, rates.node, this.rate),
    );
  }

  #figures(entry) {
    const { row, version, rates } = entry;
    this.#version = version;
    for (const spark of this.sparks) spark.draw();
    const draining = row.draining ? `, ${count(row.draining)} draining` : "";
    put(this.available, `${count(row.available)} of ${many(row.servers, "server")} available${draining}`);
    const open = row.fail_open ? "none is well: all get connections" : "";
    put(this.problem, [open, row.problem].filter(Boolean).map((text) => ` · ${text}`).join(""));
    put(this.connections, many(row.connections, "connection"));
    put(this.rate, `${rate(rates.last)}/s`);
  }
}

export class Groups {
  #groups = new Map();
  #list = document.getElementById("group-list");
  #filter = document.getElementById("filter");

  constructor(again) {
    this.again = again;
    this.#filter.addEventListener("input", again);
  }

  show(picture) {
    const members = Map.groupBy(picture.servers.values(), (entry) => groupOf(entry.key));
    for (const [name, group] of this.#groups) if (!picture.groups.has(name)) this.#remove(name, group);
    const wanted = this.#wanted();
    let more = false;
    for (const entry of picture.groups.values()) {
      more = this.#show(entry, members.get(entry.key) ?? [], wanted) || more;
    }
    return more;
  }

  #show(entry, servers, wanted) {
    let group = this.#groups.get(entry.key);
    if (!group) {
      group = new Group(entry, servers.length, this.again);
      this.#groups.set(entry.key, group);
      this.#list.append(group.node);
    }
    return group.show(entry, servers, wanted);
  }

  #remove(name, group) {
    for (const spark of group.sparks) spark.leave();
    group.node.remove();
    this.#groups.delete(name);
  }

  #wanted() {
    const word = this.#filter.value.trim().toLowerCase();
    if (!word) return () => true;
    return ({ row }) =>
      [row.server, row.address, row.state, row.reason].some((text) => text?.toLowerCase().includes(word));
  }
}
