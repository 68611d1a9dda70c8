/** What the page's host publishes of a model: its tokenizer, the proof that it belongs to the model root, and the frame of its chats. */
import { readFileSync } from 'node:fs';
import { loadModel, ModelProver } from '../../exact';
import { toHex } from '../../protocol';
import { isCard, readCard } from '../../worker/upstream/modelCard';
import type { ModelPartFile } from '../src/chat/tokenizer';
import { chatFrame } from './chatFrame';

export interface PublishedModel {
  /** Model root, hex: what the page's configuration names. */
  root: string;
  /** JSON for `ModelEntry.tokenizer` of the page's configuration. */
  part: ModelPartFile;
}

/**
 * Reads and checks a model file whole, or a model card.
 * @param source a path, or a model file's bytes
 * @throws HostError `config.page.template` for a model whose chats the page cannot write; ModelFileError, ModelConfigError; UpstreamError `engine.upstream-card`
 */
export function modelPart(source: string | Uint8Array): PublishedModel {
  if (typeof source === 'string' && isCard(source)) {
    const { name, model } = readCard(source);
    return { root: toHex(model.modelRoot), part: { version: 1, card: readFileSync(source, 'utf8'), frame: chatFrame(model.tokenizer, name) } };
  }
  const model = loadModel(source);
  const prover = new ModelProver(model);
  const [config, tokenizer] = [prover.part({ part: 'config' }), prover.part({ part: 'tokenizer' })];
  const root = toHex(model.modelRoot);
  return {
    root,
    part: {
      version: 1, config: toHex(config.bytes), rows: toHex(config.path[0]), section: Buffer.from(tokenizer.bytes).toString('base64'), tables: toHex(tokenizer.path[0]),
      frame: chatFrame(model.tokenizer, typeof source === 'string' ? source : root),
    },
  };
}
