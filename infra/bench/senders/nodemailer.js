// nodemailer with pool and DKIM, bodies by Nunjucks: compiled templates, sound defaults, and always enough in its queue.
"use strict";

const { createPrivateKey } = require("node:crypto");
const { readFileSync } = require("node:fs");
const nodemailer = require("nodemailer");
const nunjucks = require("nunjucks");

const IN_FLIGHT = 4; // messages for each connection, so that none of them ever waits for the next one

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const plain = new nunjucks.Environment(null, { autoescape: false });
const escaping = new nunjucks.Environment(null, { autoescape: true });
const subject = nunjucks.compile(job.content.subject, plain);
const text = nunjucks.compile(job.content.text, plain);
const html = nunjucks.compile(job.content.html, escaping);
const attachments = job.attachments.map((one) => ({
  filename: one.filename,
  contentType: one.content_type,
  content: Buffer.from(one.content, "base64"),
}));

const transport = nodemailer.createTransport({
  host: "127.0.0.1",
  port: job.port,
  name: job.domain,
  secure: false,
  ignoreTLS: true,
  pool: true,
  maxConnections: job.connections,
  maxMessages: Infinity,
  dkim: {
    domainName: job.domain,
    keySelector: job.selector,
    privateKey: job.key_object ? createPrivateKey(job.key) : job.key,
  },
});

function message(number) {
  const { to, data } = job.recipients[number % job.recipients.length];
  return {
    from: { name: job.sender_name, address: job.sender },
    to,
    subject: subject.render(data),
    text: text.render(data),
    html: html.render(data),
    headers: {
      "List-Unsubscribe": `<${data.unsubscribe}>`,
      "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
    attachments,
  };
}

async function send(first, end) {
  let next = first;
  const lane = async () => {
    while (next < end) await transport.sendMail(message(next++));
  };
  await Promise.all(Array.from({ length: IN_FLIGHT * job.connections }, lane));
}

async function main() {
  await send(0, job.warm_up);
  const before = process.cpuUsage();
  const began = process.hrtime.bigint();
  await send(job.warm_up, job.warm_up + job.messages);
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const cpu = process.cpuUsage(before);
  transport.close();
  console.log(
    JSON.stringify({
      messages: job.messages,
      seconds,
      cpu: (cpu.user + cpu.system) / 1e6,
      peak: Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024,
    }),
  );
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
