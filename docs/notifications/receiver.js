// A receiver of alerts in Node.js, without packages: node receiver.js PORT SECRET
const crypto = require("node:crypto");
const http = require("node:http");

const [port, secret] = process.argv.slice(2);
const key = Buffer.from(secret.replace("whsec_", ""), "base64");
const seen = new Set(); // In earnest a table with a unique key, written with what you do.

function verified(headers, body) {
  const [id, time] = [headers["webhook-id"], headers["webhook-timestamp"]];
  if (!id || !time || Math.abs(Date.now() / 1000 - Number(time)) > 300) return false;
  const mine = crypto.createHmac("sha256", key).update(`${id}.${time}.${body}`).digest();
  return String(headers["webhook-signature"]).split(" ").some((one) => {
    const [version, text] = one.split(",");
    const theirs = Buffer.from(text || "", "base64");
    return version === "v1" && theirs.length === mine.length && crypto.timingSafeEqual(theirs, mine);
  });
}

http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts).toString();
    if (!verified(request.headers, body)) return response.writeHead(400).end();
    const message = JSON.parse(body);
    if (!seen.has(request.headers["webhook-id"])) { // else it has come before
      console.log(message.type, message.data.alert ? message.data.alert.message : "");
      seen.add(request.headers["webhook-id"]);
    }
    response.writeHead(204).end();
  });
}).listen(Number(port), "127.0.0.1");
