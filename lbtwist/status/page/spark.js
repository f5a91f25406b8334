// A line of the last values of a history, drawn while it can be seen.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 119; // one less than the values that are kept
const HEIGHT = 30;
const ALL = new WeakMap();

const watcher = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) ALL.get(target).turn(isIntersecting);
});

const shape = (name, of) => {
  const node = document.createElementNS(SVG, name);
  node.setAttribute("class", of);
  return node;
};

export class Spark {
  #history;
  #seen = false;
  #line = shape("path", "line");
  #area = shape("path", "area");

  /** Of what `history()` is. The figure itself stands beside it, so it is nothing to who does not see. */
  constructor(history) {
    this.#history = history;
    this.node = shape("svg", "spark");
    this.node.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.node.setAttribute("preserveAspectRatio", "none");
    this.node.setAttribute("aria-hidden", "true");
    this.node.append(this.#area, this.#line);
    ALL.set(this.node, this);
    watcher.observe(this.node);
  }

  turn(seen) {
    this.#seen = seen;
    this.draw();
  }

  draw() {
    if (!this.#seen) return;
    const line = this.#points();
    this.#line.setAttribute("d", line && `M${line}`);
    this.#area.setAttribute("d", line && `M${line}V${HEIGHT}H${this.#start}Z`);
  }

  leave() {
    watcher.unobserve(this.node);
  }

  get #start() {
    return WIDTH + 1 - this.#history().values.length;
  }

  #points() {
    const { values } = this.#history();
    const scale = (HEIGHT - 3) / Math.max(1, ...values);
    const height = (value) => (HEIGHT - 1.5 - value * scale).toFixed(1);
    return values.map((value, n) => `${this.#start + n} ${height(value)}`).join("L");
  }
}
