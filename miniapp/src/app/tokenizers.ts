import { PageError } from '../pageError';
import type { ModelEntry, PageConfig, PageTokenizer } from '../types';

/** Tokenizers of the page's models, each loaded once. */
export class Tokenizers {
  private readonly loaded = new Map<string, Promise<PageTokenizer>>();

  constructor(private readonly config: Pick<PageConfig, 'models'>) {}

  /** @throws PageError for a model that this page does not know, and what loading throws */
  of(root: string): Promise<PageTokenizer> {
    const known = this.loaded.get(root);
    if (known !== undefined) return known;
    const model = this.entry(root);
    const loading = import('../chat').then(({ loadTokenizer }) => loadTokenizer(model));
    this.loaded.set(root, loading);
    loading.catch(() => this.loaded.delete(root));
    return loading;
  }

  nameOf = (root: string): string => this.entry(root).name;

  private entry(root: string): ModelEntry {
    const model = this.config.models.find((each) => each.root === root);
    if (model === undefined) throw new PageError('app.unknownModel', { key: 'app.unknownModel', params: { root } });
    return model;
  }
}
