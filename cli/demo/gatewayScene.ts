import { Address } from '@ton/core';
import { parseChannel } from '../../wrappers';
import { ChainClient } from '../../worker/chain/chainClient';
import { requestFaucet } from '../client/devnetApi';
import { loadWallet } from '../client/wallet';
import { NETWORKS } from '../config/settings';
import { formatTon, type Output } from '../output';
import type { Stage } from './stage';

/** What a streamed use of the gateway came to. Amounts in nanoTON. */
export interface GatewayScene {
  channel: string;
  answers: { text: string; costNano: bigint; chunks: number }[];
  /** What the chain paid for all of them, in one transaction; the claim's own fee included. */
  settledNano: bigint;
}

/** Time for a round of claims of the worker. */
const CLOSE_MILLIS = 60_000;

interface GatewayReady {
  baseUrl: string;
  apiKey: string;
  model: string;
  channel: string;
}

/** A client that talks to an OpenAI endpoint: several streamed chats over one payment channel, settled by one claim. */
export async function playGateway(
  stage: Stage, output: Output, workerUrl: string, chats: { prompts: string[]; maxTokens: number; model: readonly string[] },
): Promise<GatewayScene> {
  const wallet = loadWallet(stage.folderOf('gateway'), NETWORKS.devnet);
  await requestFaucet(stage.endpoint, wallet.address, 2_000_000_000n);
  const gateway = stage.start('gateway', ['gateway', '--port', '0', '--worker-url', workerUrl, '--tier', 'bonded', '--close', '--log-level', 'error', ...chats.model], (line) => {
    if (!line.startsWith('{')) output.progress(`gateway: ${line.replace(/^[^\w]+\s?/, '')}`);
  });
  const ready = await gateway.next<GatewayReady>();
  output.progress(`gateway: OpenAI API at ${ready.baseUrl}`);
  const answers: GatewayScene['answers'] = [];
  for (const prompt of chats.prompts) {
    const answer = await streamedChat(ready, prompt, chats.maxTokens);
    output.progress(`chat: ${prompt}${answer.text} (${answer.chunks} pieces, ${formatTon(answer.costNano)})`);
    answers.push(answer);
  }
  await gateway.stop(CLOSE_MILLIS);
  const { data } = await new ChainClient({ endpoint: stage.endpoint }).getAccount(Address.parse(ready.channel));
  const settledNano = data === null ? 0n : parseChannel(data).claimed;
  output.progress(`${answers.length} answers were settled by one claim of ${formatTon(settledNano)}`);
  return { channel: ready.channel, answers, settledNano };
}

/** One chat over server-sent events, as any OpenAI client does it. */
async function streamedChat({ baseUrl, apiKey, model }: GatewayReady, prompt: string, maxTokens: number): Promise<GatewayScene['answers'][number]> {
  const response = await fetch(`${baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: prompt }], max_tokens: maxTokens, temperature: 0, stream: true }),
  });
  const answer = { text: '', costNano: 0n, chunks: 0 };
  for (const event of (await response.text()).split('\n\n')) {
    const data = event.replace(/^data: /, '');
    if (!data.startsWith('{')) continue;
    const chunk = JSON.parse(data) as { choices: { delta: { content?: string } }[]; x_cocoon?: { cost?: string }; error?: { message: string } };
    if (chunk.error !== undefined) throw new Error(chunk.error.message);
    const content = chunk.choices[0]?.delta.content ?? '';
    if (content !== '') answer.chunks++;
    answer.text += content;
    answer.costNano = BigInt(chunk.x_cocoon?.cost ?? answer.costNano);
  }
  return answer;
}
