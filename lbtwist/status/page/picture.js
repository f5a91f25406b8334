// What the server has told, put together: rows, and of each its rate and the last two minutes.

const KEPT = 120;
const SOONEST = 0.3; // seconds between two values of a history
const TABLES = ["listeners", "groups", "servers"];

/** The last values of a figure, the oldest first. */
export class History {
  values = [];

  add(value) {
    this.values.push(value);
    if (this.values.length > KEPT) this.values.shift();
  }

  get last() {
    return this.values.at(-1) ?? 0;
  }
}

/** A row of a table, with what it was. */
class Entry {
  connections = new History();
  rates = new History();
  seen = 0; // how much of its total is in the rates
  news = 0;
  version = 0; // rises with each change

  constructor(key) {
    this.key = key;
    this.row = {};
  }

  merge(cells) {
    Object.assign(this.row, cells);
    this.version += 1;
  }

  /** Takes what has come to its total since. */
  count() {
    const total = this.row.total ?? 0;
    this.news = Math.max(0, total - this.seen);
    this.seen = total;
  }

  add(connections, rate) {
    this.version += 1;
    this.connections.add(connections);
    this.rates.add(rate);
  }
}

export const groupOf = (server) => server.slice(0, server.indexOf("/"));

export class Picture {
  listeners = new Map();
  groups = new Map();
  servers = new Map();
  whole = new Entry("");
  drains = [];
  receipts = [];
  told = 0; // when the last values were added, in seconds

  /** How all is. */
  snapshot(data, now) {
    for (const name of TABLES) {
      const table = this[name];
      for (const key of table.keys()) if (!(key in data[name])) table.delete(key);
    }
    this.receipts = [];
    this.#merge(data);
    this.#each((entry) => entry.count());
    this.told = now;
  }

  /** What has changed. */
  figures(data, now) {
    this.#merge(data);
    const seconds = now - this.told;
    if (seconds < SOONEST) return;
    this.told = now;
    this.#each((entry) => entry.count());
    this.#add(seconds);
  }

  serversOf(group) {
    return [...this.servers.values()].filter((entry) => groupOf(entry.key) === group);
  }

  #merge(data) {
    for (const name of TABLES) {
      for (const [key, cells] of Object.entries(data[name] ?? {})) this.#row(this[name], key, cells);
    }
    if (data.load_balancer) this.whole.merge(data.load_balancer);
    this.drains = data.drains ?? this.drains;
    this.receipts = [...this.receipts, ...(data.receipts ?? [])];
  }

  #row(table, key, cells) {
    if (cells === null) {
      table.delete(key);
      return;
    }
    if (!table.has(key)) table.set(key, new Entry(key));
    table.get(key).merge(cells);
  }

  #each(call) {
    for (const table of [this.listeners, this.servers]) for (const entry of table.values()) call(entry);
  }

  #add(seconds) {
    const news = (entries) => entries.reduce((sum, entry) => sum + entry.news, 0) / seconds;
    const listeners = [...this.listeners.values()];
    const members = Map.groupBy(this.servers.values(), (entry) => groupOf(entry.key));
    this.#each((entry) => entry.add(entry.row.connections ?? 0, entry.news / seconds));
    for (const group of this.groups.values()) {
      group.add(group.row.connections, news(members.get(group.key) ?? []));
    }
    this.whole.add(this.whole.row.connections, news(listeners));
  }
}
