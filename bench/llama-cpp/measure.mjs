// Speed of llama.cpp on the CPU: one JSON line. Run by bench/peer.ts as a process of its own.
// Usage: node measure.mjs FILE.gguf THREADS PROMPT_TOKENS NEW_TOKENS
import { getLlama } from 'node-llama-cpp';

const [file, threads, promptTokens, newTokens] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const ROUNDS = 3;

const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error', maxThreads: threads, progressLogs: false });
const model = await llama.loadModel({ modelPath: file, gpuLayers: 0, useMmap: true });
const context = await model.createContext({ contextSize: promptTokens + newTokens + 8, batchSize: promptTokens, threads });
const sequence = context.getSequence();
const prompt = Array.from({ length: promptTokens }, (_, i) => 3 + ((i * 7919) % 20000));
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const seconds = (from) => (performance.now() - from) / 1000;

const prefill = [];
const decode = [];
for (let round = 0; round <= ROUNDS; round++) {
  await sequence.clearHistory();
  const begun = performance.now();
  let first;
  let count = 0;
  // The first token comes after the prompt; the others are decoded one at a time.
  for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    first ??= performance.now();
    if (++count > newTokens || token === undefined) break;
  }
  if (round === 0) continue; // warms caches and pages
  prefill.push((first - begun) / 1000);
  decode.push(seconds(first) / (count - 1));
}
console.log(JSON.stringify({
  prefillTokensPerSecond: promptTokens / median(prefill),
  decodeTokensPerSecond: 1 / median(decode),
  threads: context.currentThreads,
  system: llama.systemInfo.trim(),
  release: llama.llamaCppRelease.release,
}));
await context.dispose();
await llama.dispose();
