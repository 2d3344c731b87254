// Calls actions with the unmodified SDK, one after the other, as the JSON on standard input lists them, and writes
// what came of each as JSON: the answer, or the code of the error.
const { ses } = require("tencentcloud-sdk-nodejs-ses");

async function main() {
  const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
  const Client = ses.v20201002.Client;
  const client = new Client({
    credential: { secretId: given.secret_id, secretKey: given.secret_key },
    region: "ap-guangzhou",
    profile: { httpProfile: { protocol: "http://", endpoint: given.endpoint } },
  });
  const answers = [];
  for (const [action, parameters] of given.calls) {
    try {
      answers.push(await client[action](parameters));
    } catch (error) {
      answers.push({ error: error.code, requestId: error.requestId, message: error.message });
    }
  }
  process.stdout.write(JSON.stringify(answers));
}

main();
