/** The wasm back end beside llama.cpp (Q8_0, CPU) on random models of one shape, one after the other on one machine. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ExactModel } from '../exact';
import { createWasmEngine } from '../exact/wasm';
import { SHIPPED_MODEL } from '../worker/engine';
import { engineSpeed, type EngineSpeed } from './engineSpeed';
import { writeRandomGguf } from './randomGguf';
import { syntheticModel } from './syntheticModel';

const FOLDER = join(__dirname, 'llama-cpp');
const PROMPT_TOKENS = 64;
const NEW_TOKENS = 32;
const run = promisify(execFile);

export interface PeerReport {
  /** Ours over llama.cpp's, same number of threads. */
  decodeVsLlamaCpp: number;
  prefillVsLlamaCpp: number;
  threads: number;
  llamaCpp: { decodeTokensPerSecond: number; prefillTokensPerSecond: number; system: string; release: string };
  wasm: EngineSpeed;
}

/** @throws Error when the peer cannot be installed or run */
export async function measurePeer(threads: number, progress: (line: string) => void): Promise<PeerReport> {
  if (!existsSync(join(FOLDER, 'node_modules'))) {
    progress('installing llama.cpp into bench/llama-cpp');
    // The lock leaves the builds for other platforms out, which `npm ci` does not accept.
    await run('npm', ['install', '--no-save', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: FOLDER });
  }
  const model = syntheticModel('110m', SHIPPED_MODEL);
  const temporary = mkdtempSync(join(tmpdir(), 'cocoon-peer-'));
  try {
    const file = join(temporary, 'random.gguf');
    writeRandomGguf(file, model.config);
    const args = ['measure.mjs', file, threads, PROMPT_TOKENS, NEW_TOKENS].map(String);
    const { stdout } = await run(process.execPath, args, { cwd: FOLDER });
    const { decodeTokensPerSecond, prefillTokensPerSecond, system, release } = JSON.parse(stdout) as PeerReport['llamaCpp'];
    progress(`llama.cpp decodes ${decodeTokensPerSecond.toFixed(1)}, reads ${prefillTokensPerSecond.toFixed(1)} tokens/s`);
    const ours = await measureWasm(model, threads);
    progress(`wasm decodes ${ours.decodeTokensPerSecond.toFixed(1)}, reads ${ours.prefillTokensPerSecond.toFixed(1)} tokens/s`);
    return {
      decodeVsLlamaCpp: ours.decodeTokensPerSecond / decodeTokensPerSecond,
      prefillVsLlamaCpp: ours.prefillTokensPerSecond / prefillTokensPerSecond,
      threads, llamaCpp: { decodeTokensPerSecond, prefillTokensPerSecond, system, release }, wasm: ours,
    };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Of the wasm back end on so many threads, on a prompt like the peer's. */
export const measureWasm = (model: ExactModel, threads: number): Promise<EngineSpeed> => engineSpeed(
  createWasmEngine(model, { threads }), Array.from({ length: PROMPT_TOKENS }, (_, i) => 3 + ((i * 7919) % 20000)), NEW_TOKENS,
);
