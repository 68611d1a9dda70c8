/** GET /v1/models and /v1/models/:id. */
import type { ModelCard } from '../backend';
import { findModel, sendJson, type Exchange } from './exchange';

export function listModels({ backend, response }: Exchange): void {
  sendJson(response, 200, { object: 'list', data: backend.models().map(modelObject) });
}

export function showModel(exchange: Exchange, id: string): void {
  sendJson(exchange.response, 200, modelObject(findModel(exchange, id)));
}

function modelObject(card: ModelCard): object {
  const { id, createdSeconds, ownedBy, contextTokens, modelRoot, mostTopLogits, tokenizer, facts } = card;
  return {
    id, object: 'model', created: createdSeconds, owned_by: ownedBy,
    x_cocoon: {
      ...facts, context_tokens: contextTokens, model_root: Buffer.from(modelRoot).toString('hex'), chat_template: tokenizer.takesChats,
      most_top_logprobs: mostTopLogits ?? null,
    },
  };
}
