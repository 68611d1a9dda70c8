/** What importing a model takes: a random Hugging Face folder, imported by a process of its own whose memory is watched. */
import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { copyFileSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUILT_CLI } from '../cli/processes';

/** One layer of the shape of TinyLlama with its whole vocabulary: the embedding is the largest tensor by far. */
const SHAPE = { dim: 2048, ffn: 5632, heads: 32, kvHeads: 8, headDim: 64, vocab: 32000, layers: 1 };
const TOKENIZER = join(__dirname, '..', 'models', 'accuracy', 'deep16', 'tokenizer.json');
/** Beside twice the largest tensor. */
const FIXED_BYTES = 512 * 2 ** 20;
const POLL_MILLIS = 20;

export interface ImportReport {
  parameters: number;
  folderBytes: number;
  largestTensorBytes: number;
  /** Of the importing process (VmHWM); null where /proc does not tell. */
  peakBytes: number | null;
  /** 2 x largest tensor + 512 MiB */
  boundBytes: number;
  peakOverBound: number | null;
  seconds: number;
}

export async function measureImport(progress: (line: string) => void): Promise<ImportReport> {
  const folder = mkdtempSync(join(tmpdir(), 'cocoon-import-bench-'));
  try {
    const { parameters, folderBytes, largest } = writeFolder(folder);
    progress(`importing ${(parameters / 1e6).toFixed(0)} million weights`);
    const started = performance.now();
    const args = ['model', 'import', folder, '--out', join(folder, 'model.cocoon'), '--context', '2048', '--json'];
    const child = spawn(process.execPath, [BUILT_CLI, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    let peak = 0;
    const timer = setInterval(() => (peak = Math.max(peak, peakOf(child.pid!))), POLL_MILLIS);
    const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
    clearInterval(timer);
    if (status !== 0) throw new Error(`the import failed: ${said.trim().split('\n').pop()}`);
    const boundBytes = 2 * largest + FIXED_BYTES;
    return {
      parameters, folderBytes, largestTensorBytes: largest, peakBytes: peak || null, boundBytes,
      peakOverBound: peak ? Number((peak / boundBytes).toFixed(3)) : null,
      seconds: Number(((performance.now() - started) / 1000).toFixed(1)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Largest resident size so far, 0 where it is not known. */
function peakOf(pid: number): number {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return 1024 * Number(kilobytes ?? 0);
  } catch {
    return 0;
  }
}

function writeFolder(folder: string): { parameters: number; folderBytes: number; largest: number } {
  const { dim, ffn, heads, kvHeads, headDim, vocab, layers } = SHAPE;
  writeFileSync(join(folder, 'config.json'), JSON.stringify({
    architectures: ['LlamaForCausalLM'], hidden_act: 'silu', hidden_size: dim, intermediate_size: ffn,
    num_hidden_layers: layers, num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: headDim, vocab_size: vocab,
    max_position_embeddings: 2048, rms_norm_eps: 1e-5, rope_theta: 10000, tie_word_embeddings: false,
  }));
  copyFileSync(TOKENIZER, join(folder, 'tokenizer.json'));
  const shapes: [string, number[]][] = [['model.embed_tokens.weight', [vocab, dim]], ['model.norm.weight', [dim]], ['lm_head.weight', [vocab, dim]]];
  for (let l = 0; l < layers; l++) {
    const add = (name: string, ...shape: number[]) => void shapes.push([`model.layers.${l}.${name}.weight`, shape]);
    ['input_layernorm', 'post_attention_layernorm'].forEach((name) => add(name, dim));
    add('self_attn.q_proj', heads * headDim, dim);
    ['k', 'v'].forEach((name) => add(`self_attn.${name}_proj`, kvHeads * headDim, dim));
    add('self_attn.o_proj', dim, heads * headDim);
    ['gate', 'up'].forEach((name) => add(`mlp.${name}_proj`, ffn, dim));
    add('mlp.down_proj', dim, ffn);
  }
  const bytesOf = (shape: number[]) => 2 * shape.reduce((a, b) => a * b);
  let at = 0;
  const header = Object.fromEntries(shapes.map(([name, shape]) => {
    const entry = { dtype: 'F16', shape, data_offsets: [at, at + bytesOf(shape)] };
    at += bytesOf(shape);
    return [name, entry];
  }));
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const file = openSync(join(folder, 'model.safetensors'), 'w');
  try {
    writeSync(file, Buffer.concat([length, text]));
    for (const [, shape] of shapes) for (let done = 0; done < bytesOf(shape); ) done += writeSync(file, halves(Math.min(2 ** 24, bytesOf(shape) - done)));
  } finally {
    closeSync(file);
  }
  return { parameters: at / 2, folderBytes: at, largest: Math.max(...shapes.map(([, shape]) => bytesOf(shape))) };
}

/** Random 16-bit floats of 1/64 to 1/32 of either sign. */
function halves(bytes: number): Buffer {
  const buffer = randomFillSync(Buffer.allocUnsafe(bytes));
  const words = new Uint16Array(buffer.buffer, buffer.byteOffset, bytes / 2);
  for (let i = 0; i < words.length; i++) words[i] = (words[i] & 0x83ff) | (9 << 10);
  return buffer;
}
