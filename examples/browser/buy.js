/**
 * Buys one answer through a relay (`cocoon gateway --relay`) over an open payment channel, in a page without a bundler: the prompt is
 * sealed here to the worker's key, every piece of the answer is checked here and paid with a voucher signed here.
 */
import {
  buildChannelRequest, decodeFrame, dueFor, encodeFrame, encodePayload, firstPiece, GREEDY_SAMPLING, helloHash, portableEd25519, receiptOf, RequestSealer, SEMANTICS, StreamChecker, Tier,
  Visibility, voucherHash,
} from './open-cocoon.js';

export const bytesOf = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const random = (length) => crypto.getRandomValues(new Uint8Array(length));

/** @returns {Promise<WebSocket>} the relay's socket to the first provider that it lists */
async function connect(relay) {
  const { providers: [provider] } = await (await fetch(`${relay}/v1/providers`)).json();
  const socket = new WebSocket(`${relay.replace(/^http/, 'ws')}${provider.channel}`);
  socket.binaryType = 'arraybuffer';
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error('no connection'));
  });
  return socket;
}

/**
 * @param {object} order relay, channel, what its contract holds, and keys as the stake
 * shows them (README.md); bytes are hex, amounts decimal text, times Unix seconds
 * @param {(tokens: number[], dueNano: bigint) => void} onPiece the new tokens, and what is owed for all so far
 * @returns {Promise<number[]>} the answer's tokens
 */
export async function buy(order, onPiece = () => {}) {
  const [channel, workerKey, stake, client, clientKey] = [order.channel, order.workerKey, order.stake, order.client, order.clientSecret].map(bytesOf);
  const { networkId, seq, promptTokens, maxTokens, now } = order;
  const prices = { promptPrice: BigInt(order.promptPrice), outputPrice: BigInt(order.outputPrice), fixedPrice: 0n };
  const { fixedPrice: _, ...asked } = prices;
  const voucher = (amount) => ({ amount, final: false, signature: portableEd25519.sign(voucherHash({ networkId, channel, final: false, amount }), clientKey) });
  const request = buildChannelRequest({
    asked: {
      tier: Tier.bonded, visibility: Visibility.sealed, flags: 0, semantics: SEMANTICS, salt: random(16), modelRoot: bytesOf(order.modelRoot), maxTokens, expiresAt: now + 600,
      ...asked, coverage: 0n, imageHash: new Uint8Array(32),
    },
    request: { promptTokens, sampling: GREEDY_SAMPLING, stopTokens: [], nonce: BigInt(seq), toolsHash: new Uint8Array(32) },
    responseKey: random(32), commitSalt: random(32),
  }, { networkId, client, stake, workerKey, price: 0n }, { channel, seq });
  const { termsHash } = request;
  const binding = { networkId, channel, workerKey, firstSeq: seq };
  const sealer = await RequestSealer.open(bytesOf(order.sealingKey), binding);
  const checker = new StreamChecker(request);
  const socket = await connect(order.relay);
  const send = (frame) => socket.send(encodeFrame(frame));
  return new Promise((resolve, reject) => {
    socket.onclose = ({ code, reason }) => reject(new Error(`closed: ${code} ${reason}`));
    socket.onmessage = ({ data }) => {
      const frame = decodeFrame(new Uint8Array(data));
      if (frame.kind === 'welcome') {
        const prepaid = dueFor(prices, firstPiece(promptTokens.length).promptTokens, 0);
        send({ kind: 'request', seq, termsHash, voucher: voucher(prepaid), sealed: sealer.seal(seq, encodePayload(request.payload), termsHash) });
        return;
      }
      if (frame.kind !== 'piece') return reject(new Error(`a ${frame.kind} came`));
      const checked = checker.accept({ receipt: receiptOf(request, frame), sealed: frame.sealed, signature: frame.signature }, now);
      if (!checked.ok) return reject(new Error(checked.fault));
      send({ kind: 'payment', ...voucher(checked.dueNano) });
      onPiece(checked.tokens, checked.dueNano);
      if (checked.finishReason !== undefined) resolve([...checker.answer]);
    };
    send({ kind: 'hello', ...binding, enc: sealer.enc, signature: portableEd25519.sign(helloHash(binding, sealer.enc), clientKey) });
  });
}
