import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { samplingFrom, type ExactModel } from '../exact';
import { Sequence } from '../exact/reference/forward';
import { openEngine, openModel, SHIPPED_MODEL } from '../worker/engine';

/** Sampling of the printed samples: none is chosen or left out. */
const TEMPERATURE = 0.8;
const SAMPLE_TOKENS = 48;
const MODELS = join(__dirname, '..', 'models');

export interface TextOptions {
  model?: string;
  backend: 'auto' | 'webgpu' | 'wasm' | 'reference';
  samples: number;
  progress: (line: string) => void;
}

/** What the exact engine writes, and how well it predicts lines that it was not trained on. */
export interface TextReport {
  /** Lowercase hex. */
  modelRoot: string;
  backend: string;
  temperature: number;
  samples: number;
  words: number;
  /** Words of the samples that occur in the training corpus. */
  knownWords: number;
  knownShare: number;
  /** Held-out lines (split by lemma) that were scored, their bytes, and bits per byte of the exact engine. */
  heldOutLines: number;
  heldOutBytes: number;
  exactBitsPerByte: number;
  /** The same lines in float32, as measured when the model was packed. */
  float32BitsPerByte: number;
  texts: string[];
}

/** Writes `samples` seeded samples with the exact engine and scores the committed held-out lines. */
export async function measureText(options: TextOptions): Promise<TextReport> {
  const loaded = openModel(options.model ?? SHIPPED_MODEL);
  const { tokenizer } = loaded.model;
  const engine = await openEngine(loaded, options.backend);
  const texts: string[] = [];
  try {
    for (let index = 0; index < options.samples; index++) {
      const seed = Buffer.alloc(32);
      seed.writeUInt32BE(index, 28);
      const { tokens } = await engine.generate({
        promptTokens: tokenizer.encodePrompt(tokenizer.bosToken === undefined ? '\n' : ''),
        maxTokens: SAMPLE_TOKENS,
        stopTokens: loaded.stopTokens,
        sampling: samplingFrom({ temperature: TEMPERATURE, seed }),
      });
      // A sample that was cut at the limit may end inside a word, which then does not count.
      const text = tokenizer.decode(tokens);
      texts.push(tokens.length === SAMPLE_TOKENS ? text.replace(/[A-Za-z]*$/, '') : text.trimEnd());
      if ((index + 1) % 10 === 0) options.progress(`${index + 1} of ${options.samples} samples`);
    }
  } finally {
    await engine.close();
  }
  const vocabulary = new Set(
    gunzipSync(readFileSync(join(MODELS, 'wordnet-words.txt.gz')))
      .toString('utf8')
      .split('\n'),
  );
  const words = texts.flatMap((text) => text.toLowerCase().match(/[a-z]+/g) ?? []);
  const knownWords = words.filter((word) => vocabulary.has(word)).length;
  return {
    modelRoot: Buffer.from(loaded.model.modelRoot).toString('hex'),
    backend: engine.backend,
    temperature: TEMPERATURE,
    samples: texts.length,
    words: words.length,
    knownWords,
    knownShare: words.length === 0 ? 0 : knownWords / words.length,
    ...scoreHeldOut(loaded.model, options.progress),
    texts,
  };
}

interface HeldOutFile {
  lines: { text: string; tokens: number; float32Nats: number; exactNats: number }[];
}

/** Bits per byte of the committed held-out lines, each after bosToken, from the engine's own logits. */
function scoreHeldOut(model: ExactModel, progress: (line: string) => void) {
  const path = join(MODELS, 'wordnet-held-out.json');
  if (!existsSync(path)) return { heldOutLines: 0, heldOutBytes: 0, exactBitsPerByte: NaN, float32BitsPerByte: NaN };
  const { lines } = JSON.parse(readFileSync(path, 'utf8')) as HeldOutFile;
  let nats = 0;
  let floatNats = 0;
  let bytes = 0;
  lines.forEach(({ text, float32Nats }, index) => {
    nats += lineNats(model, text);
    floatNats += float32Nats;
    bytes += Buffer.byteLength(text);
    if ((index + 1) % 50 === 0) progress(`${index + 1} of ${lines.length} held-out lines`);
  });
  const perByte = (value: number): number => value / Math.LN2 / bytes;
  return {
    heldOutLines: lines.length,
    heldOutBytes: bytes,
    exactBitsPerByte: perByte(nats),
    float32BitsPerByte: perByte(floatNats),
  };
}

/** -ln of the probability of a line, from integer logits with 16 fraction bits. */
function lineNats(model: ExactModel, text: string): number {
  const { tokenizer } = model;
  const targets = tokenizer.encode(text);
  const sequence = new Sequence(model);
  let input = tokenizer.bosToken ?? targets.shift()!;
  let nats = 0;
  for (const target of targets) {
    const logits = sequence.step(input, true).head!.logits;
    const best = logits.reduce((a, b) => (a > b ? a : b));
    let sum = 0;
    for (const logit of logits) sum += Math.exp((logit - best) / 65536);
    nats += Math.log(sum) - (logits[target] - best) / 65536;
    input = target;
  }
  return nats;
}
