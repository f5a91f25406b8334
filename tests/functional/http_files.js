// A server of files as a program: `node http_files.js FOLDER HOST`. It prints its port.

const fs = require("fs");
const http = require("http");
const path = require("path");

const [folder, host] = process.argv.slice(2);

const server = http.createServer((request, response) => {
  const file = path.join(folder, path.basename(request.url));
  if (request.method === "POST") {
    request.pipe(response);
  } else if (!fs.existsSync(file)) {
    response.writeHead(404).end();
  } else {
    response.writeHead(200, { "Content-Length": fs.statSync(file).size });
    fs.createReadStream(file).pipe(response);
  }
});
server.listen(0, host, () => console.log(server.address().port));
