/** The models that a page offers, with the files by which it turns text into tokens. */
import type { ModelEntry } from '../src/types';
import { toHex } from '../../protocol';
import { openModel } from '../../worker/engine';

export interface HostedModel {
  entry: ModelEntry;
  /** What lies at its path. */
  body: Buffer;
}

/** @param files of models; the shipped one where undefined. @throws what a model that cannot be read throws */
export function hostedModels(files: readonly (string | undefined)[]): HostedModel[] {
  return files.map((file) => {
    const { model, name } = openModel(file);
    const root = toHex(model.modelRoot);
    return { entry: { root, name, tokenizer: `/models/${root}.json` }, body: Buffer.from('{}\n') };
  });
}
