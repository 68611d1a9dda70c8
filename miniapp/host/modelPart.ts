/** What the page's host publishes of a model: its tokenizer, and the proof that it belongs to the model root. */
import { readFileSync } from 'node:fs';
import { loadModel, ModelProver } from '../../exact';
import { toHex } from '../../protocol';
import { isCard, readCard } from '../../worker/upstream/modelCard';
import type { ModelPartFile } from '../src/chat/tokenizer';

export interface PublishedModel {
  /** Model root, hex: what the page's configuration names. */
  root: string;
  /** JSON for `ModelEntry.tokenizer` of the page's configuration. */
  part: ModelPartFile;
}

/**
 * Reads and checks a model file whole, or a model card.
 * @param source a path, or a model file's bytes
 * @throws ModelFileError, ModelConfigError; UpstreamError `engine.upstream-card`
 */
export function modelPart(source: string | Uint8Array): PublishedModel {
  if (typeof source === 'string' && isCard(source)) {
    const root = toHex(readCard(source).model.modelRoot);
    return { root, part: { version: 1, card: readFileSync(source, 'utf8') } };
  }
  const model = loadModel(source);
  const prover = new ModelProver(model);
  const [config, tokenizer] = [prover.part({ part: 'config' }), prover.part({ part: 'tokenizer' })];
  return {
    root: toHex(model.modelRoot),
    part: { version: 1, config: toHex(config.bytes), rows: toHex(config.path[0]), section: Buffer.from(tokenizer.bytes).toString('base64'), tables: toHex(tokenizer.path[0]) },
  };
}
