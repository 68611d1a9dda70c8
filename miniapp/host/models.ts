/** The models that a page offers, with the files by which it turns text into tokens. */
import { basename } from 'node:path';
import type { ModelEntry } from '../src/types';
import { SHIPPED_MODEL } from '../../worker/engine';
import { modelPart } from './modelPart';

export interface HostedModel {
  entry: ModelEntry;
  /** What lies at its path. */
  body: Buffer;
}

/** @param files of models; the shipped one where undefined. @throws what a model that cannot be read throws */
export function hostedModels(files: readonly (string | undefined)[]): HostedModel[] {
  return files.map((file = SHIPPED_MODEL) => {
    const { root, part } = modelPart(file);
    return { entry: { root, name: basename(file, '.cocoon'), tokenizer: `/models/${root}.json` }, body: Buffer.from(JSON.stringify(part)) };
  });
}
