// Asks a gateway with the `openai` package, which knows nothing of TON: `cocoon gateway` pays a provider for the answer and checks it.
//   npm run gateway:demo                       (prints baseUrl, apiKey and model of a gateway before a simulated chain)
//   OPENAI_BASE_URL=… OPENAI_API_KEY=… node examples/node/ask.mjs swiftly
import OpenAI from 'openai';

const client = new OpenAI();
const content = process.argv.slice(2).join(' ') || 'swiftly';
const [model] = (await client.models.list()).data;
const stream = await client.chat.completions.create({ model: model.id, messages: [{ role: 'user', content }], max_tokens: 40, stream: true });
let paid;
for await (const { choices, x_cocoon: cocoon } of stream) {
  process.stdout.write(choices[0]?.delta.content ?? '');
  if (cocoon !== undefined) paid = cocoon;
}
// In the last chunk: nanoTON as text, and the receipt of each provider that answered.
console.log(`\n${Number(paid.cost) / 1e9} TON, receipts: ${paid.receipts.length}`);
