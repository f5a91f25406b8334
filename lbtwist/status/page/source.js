// The stream of events, opened again whenever it is lost.

const SILENCE = 5000; // ms: figures come each second
const PAUSE = 2000; // ms before it is tried again
const KINDS = ["snapshot", "figures", "event"];

/** Calls `hear(kind, data, id)` with each event, and `lose()` when the connection is lost. */
export function follow(url, hear, lose) {
  let source, timer;

  function open() {
    source = new EventSource(url);
    source.onerror = lost;
    for (const kind of KINDS) source.addEventListener(kind, heard);
    wait(lost, SILENCE);
  }

  function heard(event) {
    wait(lost, SILENCE);
    hear(event.type, JSON.parse(event.data), event.lastEventId);
  }

  // EventSource would go on by itself, but not after an answer like 503, and silence it does not notice.
  function lost() {
    source.close();
    lose();
    wait(open, PAUSE);
  }

  function wait(then, ms) {
    clearTimeout(timer);
    timer = setTimeout(then, ms);
  }

  open();
}
