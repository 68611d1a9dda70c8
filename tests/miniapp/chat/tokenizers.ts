/** Tokenizers as a page gets them: from what its host publishes. */
import { loadTokenizer } from '../../../miniapp/src/chat';
import type { ModelEntry, PageTokenizer } from '../../../miniapp/src/types';
import type { PublishedModel } from '../../../miniapp/host/modelPart';

export const entryOf = ({ root }: Pick<PublishedModel, 'root'>): ModelEntry => ({ root, name: 'a model', tokenizer: '/models/a.json' });

/** A page's fetch whose origin has one file. */
export const serving = (body: BodyInit, init: ResponseInit = {}): typeof fetch => async () => new Response(body, init);

export const tokenizerOf = (published: PublishedModel): Promise<PageTokenizer> => loadTokenizer(entryOf(published), serving(JSON.stringify(published.part)));
