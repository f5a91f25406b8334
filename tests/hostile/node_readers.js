// Node's own server, or client, given connections as lines of hexadecimal; a line of JSON for each.
"use strict";
const http = require("http");
const { Duplex } = require("stream");
const readline = require("readline");

const PATIENCE = 5000;

class Replay extends Duplex {
  constructor(bytes) {
    super({ allowHalfOpen: true });
    this.bytes = bytes;
  }
  _read() {
    if (this.bytes !== null) {
      const bytes = this.bytes;
      this.bytes = null;
      this.push(bytes);
      setImmediate(() => this.push(null));
    }
  }
  _write(chunk, encoding, done) { done(); }
  setTimeout() { return this; }
  setNoDelay() { return this; }
  setKeepAlive() { return this; }
  ref() { return this; }
  unref() { return this; }
}

// Messages are listed as their heads come; one that does not end is left out in the end.
function gather(message, first, found, then) {
  const pieces = [];
  const entry = { first: first, fields: message.rawHeaders, body: null };
  found.messages.push(entry);
  message.on("data", (piece) => pieces.push(piece));
  message.on("error", () => {});
  message.on("end", () => {
    if (!message.complete) { return; }
    entry.body = Buffer.concat(pieces).toString("hex");
    then();
  });
}

function requests(bytes) {
  return new Promise((resolve) => {
    const found = { messages: [], refused: "" };
    const socket = new Replay(bytes);
    const server = http.createServer({ keepAliveTimeout: 0 });
    const seen = (request, response) => {
      gather(request, [request.method, request.url], found, () => response.end());
    };
    server.httpAllowHalfOpen = true;
  for (const name of ["request", "checkContinue", "checkExpectation"]) { server.on(name, seen); }
    server.on("upgrade", async (request, _socket, head) => {
      found.messages.push({ first: [request.method, request.url], fields: request.rawHeaders, body: "" });
      const after = await requests(head);
      found.messages.push(...after.messages);
      found.refused = after.refused;
      setImmediate(() => socket.destroy());
    });
    server.on("clientError", (error) => { found.refused = error.code === "HPE_INVALID_EOF_STATE" ? "" : error.code; socket.destroy(); });
    const late = setTimeout(() => { found.refused = "late"; socket.destroy(); }, PATIENCE);
    socket.on("close", () => { clearTimeout(late); resolve(found); });
    server.emit("connection", socket);
  });
}

function response(bytes, method) {
  return new Promise((resolve) => {
    const found = { messages: [], refused: "" };
    const socket = new Replay(bytes);
    const over = () => { clearTimeout(late); socket.destroy(); resolve(found); };
    const late = setTimeout(() => { found.refused = "late"; over(); }, PATIENCE);
    const request = http.request({ method: method, createConnection: () => socket });
    request.on("information", (info) => found.messages.push({
      first: [String(info.statusCode)], fields: info.rawHeaders, body: "",
    }));
    request.on("response", (message) => {
      gather(message, [String(message.statusCode)], found, () => {});
      message.on("close", () => setImmediate(over));
    });
    request.on("error", (error) => { found.refused = error.code || "refused"; over(); });
    request.end();
  });
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [hex, method] = line.split(" ");
    const bytes = Buffer.from(hex, "hex");
    const found = await (method ? response(bytes, method) : requests(bytes));
    found.messages = found.messages.filter((entry) => entry.body !== null);
    process.stdout.write(JSON.stringify(found) + "\n");
  }
}

main();
