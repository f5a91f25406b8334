// The head of the page: whose it is, what is wrong, and the figures of the whole.

import { Spark } from "./spark.js";
import { count, many, make, put, putState, rate, span } from "./text.js";

const byId = (id) => document.getElementById(id);
const LIVE = { wait: "connecting …", live: "live", lost: "connection lost – trying again" };

/** Tells whether what is shown is so now. */
export function showLive(state) {
  const node = byId("live");
  if (node.dataset.live === state) return;
  node.dataset.live = state;
  put(node, LIVE[state]);
  document.body.classList.toggle("stale", state === "lost");
}

function tile(name, history) {
  const figure = make("strong", { of: "figure" });
  const beside = make("span", { of: "quiet" });
  const spark = history && new Spark(history);
  const head = make("h2", { text: name });
  const node = make("div", { of: "tile" }, head, make("p", {}, figure, beside));
  if (spark) node.append(spark.node);
  return { node, name: head, figure, beside, spark };
}

/** What a listener counts: requests where it is http, connections where it is tcp; with TLS or without. */
function newOnes({ listeners }) {
  const counted = new Set([...listeners.values()].map(({ row }) => row.protocol.startsWith("http")));
  if (!counted.has(true)) return "New connections";
  return counted.size === 1 ? "Requests" : "Requests and new connections";
}

export class Whole {
  #notices = "";

  constructor(picture) {
    this.connections = tile("Connections", () => picture.whole.connections);
    this.rates = tile("", () => picture.whole.rates);
    this.servers = tile("Servers");
    this.states = make("ul", { of: "states" });
    this.servers.node.append(this.states);
    byId("tiles").append(this.connections.node, this.rates.node, this.servers.node);
  }

  show(picture) {
    const { row, rates } = picture.whole;
    this.#head(row);
    this.#notes(row);
    put(this.connections.figure, count(row.connections));
    put(this.rates.name, `${newOnes(picture)} per second`);
    put(this.rates.figure, rate(rates.last));
    for (const { spark } of [this.connections, this.rates]) spark.draw();
    this.#servers(picture);
  }

  #head(row) {
    put(byId("name"), row.name);
    putState(byId("state"), row.state);
    const place = [row.region, row.zone].filter(Boolean).join(" / ");
    const about = [`lbtwist ${row.version}`, place, `up ${span(row.uptime)}`];
    put(byId("about"), about.filter(Boolean).join(" · "));
    document.title = `${row.name} – lbtwist`;
  }

  #notes({ problems, live_changes: changes }) {
    const told = JSON.stringify([problems, changes]);
    if (told === this.#notices) return;
    this.#notices = told;
    const lines = problems.map((text) => make("p", { of: "notice problem", text }));
    if (changes.length) {
      const text = `${many(changes.length, "live change")} not in the file: ${changes.join(", ")}`;
      lines.push(make("p", { of: "notice", text }));
    }
    byId("notices").replaceChildren(...lines);
    byId("notices").hidden = !lines.length;
  }

  #servers(picture) {
    const available = [...picture.groups.values()].reduce((sum, { row }) => sum + row.available, 0);
    put(this.servers.figure, count(available));
    put(this.servers.beside, ` of ${count(picture.servers.size)} available`);
    const states = Map.groupBy(picture.servers.values(), ({ row }) => row.state);
    const sorted = [...states].sort((a, b) => b[1].length - a[1].length);
    while (this.states.children.length > sorted.length) this.states.lastChild.remove();
    sorted.forEach(([state, its], n) => {
      const line = this.states.children[n] ?? this.states.appendChild(make("li", { of: "state" }));
      putState(line, state);
      put(line, `${count(its.length)} ${state}`);
    });
  }
}
