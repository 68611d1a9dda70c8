/**
 * A real server, where there is one: COCOON_UPSTREAM_URL, COCOON_UPSTREAM_KIND, COCOON_UPSTREAM_MODEL (its name of the model) and
 * COCOON_UPSTREAM_CARD (made by `cocoon model describe` of what it serves), then `npm run test:upstream`.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GREEDY, samplingFrom } from '../../../exact';
import { Tier } from '../../../protocol';
import { readCard } from '../../../worker/upstream/modelCard';
import { openUpstream, type UpstreamKind } from '../../../worker/upstream/open';

const { COCOON_UPSTREAM_URL: url, COCOON_UPSTREAM_KIND: kind = 'openai', COCOON_UPSTREAM_MODEL: name, COCOON_UPSTREAM_CARD: card } = process.env;

test('a real server answers whole, in two parts, cut and sampled', { skip: url === undefined || card === undefined }, async (t) => {
  const { model, engine } = await openUpstream({ model: readCard(card!), kind: kind as UpstreamKind, url: url!, name, tier: Tier.attested });
  t.after(() => engine.close());
  t.diagnostic(engine.adapter);
  const promptTokens = model.model.tokenizer.encodePrompt('The capital of France is the city of');
  const job = { promptTokens, maxTokens: 50, stopTokens: [...model.stopTokens], sampling: GREEDY };
  const ended = ({ tokens, finishReason }: { tokens: number[]; finishReason: string }, most: number): void => {
    if (finishReason === 'stop') assert.ok(model.stopTokens.includes(tokens.at(-1)!));
    else assert.equal(tokens.length, most);
  };
  const whole = await engine.generate(job);
  ended(whole, 50);
  t.diagnostic(model.model.tokenizer.decode(whole.tokens));
  const part = await engine.generate({ ...job, maxTokens: 7 });
  ended(part, 7);
  ended(await engine.generate({ ...job, answered: part.tokens }), 50 - part.tokens.length);
  const sampled = { ...job, sampling: samplingFrom({ temperature: 0.8, seed: new Uint8Array(32).fill(1) }) };
  if (model.cannotDo!(sampled) === null) ended(await engine.generate(sampled), 50);
});
