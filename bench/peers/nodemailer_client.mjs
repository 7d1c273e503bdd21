// nodemailer with its pool: nodemailer_client.mjs HOST PORT CONNECTIONS MESSAGES RECIPIENTS FILE [ROOT]
// NODEMAILER is the folder that it is installed in.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const nodemailer = createRequire(process.env.NODEMAILER + "/")("nodemailer");
const [host, port, connections, messages, recipients, file, root] = process.argv.slice(2);
const raw = readFileSync(file);
const to = Array.from({ length: Number(recipients) }, (_, n) => `r${n}@example.com`);
const transport = nodemailer.createTransport({
  pool: true,
  maxConnections: Number(connections),
  maxMessages: Infinity,
  host,
  port: Number(port),
  secure: Boolean(root),
  ignoreTLS: true,
  tls: root ? { ca: readFileSync(root) } : undefined,
});
let left = Number(messages);
const send = async () => {
  while (left-- > 0) await transport.sendMail({ envelope: { from: "bench@example.com", to }, raw });
};
await Promise.all(Array.from({ length: Number(connections) }, send));
transport.close();
