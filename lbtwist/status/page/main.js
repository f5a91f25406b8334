// The status page: what the server tells, shown once a frame at most.

import { Drains } from "./drains.js";
import { Events } from "./events.js";
import { Groups } from "./groups.js";
import { Listeners } from "./listeners.js";
import { Picture } from "./picture.js";
import { Receipts } from "./receipts.js";
import { follow } from "./source.js";
import { Whole, showLive } from "./whole.js";

const picture = new Picture();
const events = new Events();
const views = [new Whole(picture), new Drains(), new Listeners(), new Groups(again), new Receipts()];
let complete = false;
let waiting = false;

function again() {
  if (waiting || !complete) return;
  waiting = true;
  requestAnimationFrame(show);
}

function show() {
  waiting = false;
  const more = views.map((view) => view.show(picture));
  if (more.includes(true)) again();
}

function hear(kind, data, id) {
  if (kind === "event") {
    events.add(data, id);
    return;
  }
  picture[kind](data, performance.now() / 1000);
  complete ||= kind === "snapshot";
  showLive("live");
  again();
}

function lose() {
  showLive("lost");
}

follow("/events", hear, lose);
