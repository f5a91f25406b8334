// Elements and words. All that comes from outside gets in as text, never as HTML.

/** A new element with a class, a text and children. */
export function make(tag, { of = "", text = "", ...attributes } = {}, ...children) {
  const node = document.createElement(tag);
  if (of) node.className = of;
  if (text) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Shows `text`, touching nothing where it stands already. */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Shows a state as a word; what it looks like goes by the word. */
export function putState(node, state) {
  put(node, state);
  const first = state.split(" ")[0];
  if (node.dataset.state !== first) node.dataset.state = first;
}

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const TENTH = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const count = (number) => WHOLE.format(number ?? 0);

export const rate = (number) => (number < 10 ? TENTH : WHOLE).format(number);

export const many = (number, one) => `${count(number)} ${one}${number === 1 ? "" : "s"}`;

/** Who did something and why; of a key's fingerprint its beginning. */
export const whoAndWhy = ({ who, why }) =>
  [who.replace(/^(SHA256:.{8})\S+/, "$1…"), why].filter(Boolean).join(" – ");

/** Seconds in two units at most. */
export function span(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const clock = (instant) => CLOCK.format(new Date(instant));
