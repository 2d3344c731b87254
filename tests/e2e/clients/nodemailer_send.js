// One mail on standard input, sent with nodemailer as its manual says.
const nodemailer = require('nodemailer');
const {readFileSync} = require('fs');

const given = JSON.parse(readFileSync(0));
const ca = readFileSync(given.certificate);
const transport = nodemailer.createTransport({
  host: given.host,
  port: given.tls ? given.tls_port : given.port,
  secure: given.tls,
  ignoreTLS: !given.tls,
  tls: {ca},
  auth: given.tls ? {user: given.user, pass: given.password} : undefined,
});
const part = one => ({
  filename: one.name, contentType: one.kind, cid: one.cid || undefined, content: Buffer.from(one.content, 'base64'),
});
transport.sendMail({
  from: {name: given.from_name, address: given.from},
  to: given.to,
  bcc: given.bcc,
  subject: given.subject,
  text: given.text,
  html: given.html || undefined,
  attachments: [...given.inline, ...given.attachments].map(part),
  alternatives: given.invitation
    ? [{contentType: 'text/calendar; charset=utf-8; method=REQUEST', content: given.invitation}] : [],
}).then(
  info => {
    console.log(info.response, info.rejectedErrors || '');
    process.exit(info.rejected.length ? 1 : 0);
  },
  error => { console.log(error.response || error); process.exit(1); },
);
