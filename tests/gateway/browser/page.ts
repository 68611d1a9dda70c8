/** A page that buys one answer through a relay: it speaks the channel protocol itself, with protocol/ alone, and tells its server what came of it. */
import {
  buildChannelRequest, type ChannelFrame, decodeFrame, dueFor, encodeFrame, encodePayload, firstPiece, GREEDY_SAMPLING, helloHash, outputHash, portableEd25519, RequestSealer,
  SEMANTICS, StreamChecker, Tier, Visibility, voucherHash,
} from '../../../protocol';
import type { PageFindings, PageOrder } from './pageOrder';

const violations: string[] = [];
document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => violations.push(`${violatedDirective} ${blockedURI}`));
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

async function buy(order: PageOrder): Promise<number[]> {
  const [channel, workerKey, stake, client, clientKey] = [order.channel, order.workerKey, order.stake, order.client, order.clientSecret].map(bytesOf);
  const { networkId, seq, promptTokens, maxTokens, now } = order;
  const prices = { promptPrice: BigInt(order.promptPrice), outputPrice: BigInt(order.outputPrice) };
  const listed = (await (await fetch(`${order.relay}/v1/providers`)).json()) as { providers: { channel: string }[] };
  const socket = new WebSocket(`${order.relay.replace(/^http/, 'ws')}${listed.providers[0].channel}`);
  socket.binaryType = 'arraybuffer';
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error('no connection'));
  });
  const send = (frame: ChannelFrame): void => socket.send(encodeFrame(frame) as Uint8Array<ArrayBuffer>);
  const voucher = (amount: bigint) => ({ amount, final: false, signature: portableEd25519.sign(voucherHash({ networkId, channel, final: false, amount }), clientKey) });
  const request = buildChannelRequest({
    asked: {
      tier: Tier.bonded, visibility: Visibility.sealed, flags: 0, semantics: SEMANTICS, salt: random(16), modelRoot: bytesOf(order.modelRoot), maxTokens, expiresAt: now + 600,
      ...prices, coverage: 0n, imageHash: new Uint8Array(32),
    },
    request: { promptTokens, sampling: GREEDY_SAMPLING, stopTokens: [], nonce: BigInt(seq), toolsHash: new Uint8Array(32) },
    responseKey: random(32), commitSalt: random(32),
  }, { networkId, client, stake, workerKey, price: 0n }, { channel, seq });
  const { termsHash } = request;
  const binding = { networkId, channel, workerKey, firstSeq: seq };
  const sealer = await RequestSealer.open(bytesOf(order.sealingKey), binding);
  const checker = new StreamChecker(request);
  return new Promise((resolve, reject) => {
    socket.onclose = ({ code, reason }) => reject(new Error(`closed: ${code} ${reason}`));
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      const frame = decodeFrame(new Uint8Array(data));
      if (frame.kind === 'welcome') {
        const prepaid = dueFor({ ...prices, fixedPrice: 0n }, firstPiece(promptTokens.length).promptTokens, 0);
        return send({ kind: 'request', seq, termsHash, voucher: voucher(prepaid), sealed: sealer.seal(seq, encodePayload(request.payload), termsHash) });
      }
      if (frame.kind !== 'piece') return reject(new Error(`a ${frame.kind} came`));
      const { kind: _, signature, sealed, ...shown } = frame;
      const checked = checker.accept({ receipt: { ...shown, networkId, termsHash, escrow: channel, sealedHash: outputHash(sealed) }, sealed, signature }, now);
      if (!checked.ok) return reject(new Error(checked.fault));
      send({ kind: 'payment', ...voucher(checked.dueNano) });
      if (checked.finishReason !== undefined) resolve([...checker.answer]);
    };
    send({ kind: 'hello', ...binding, enc: sealer.enc, signature: portableEd25519.sign(helloHash(binding, sealer.enc), clientKey) });
  });
}

async function run(): Promise<void> {
  const order = (await (await fetch('/order')).json()) as PageOrder;
  const findings: PageFindings = { violations };
  try {
    findings.tokens = await buy(order);
  } catch (error) {
    findings.error = String(error);
  }
  if (order.forbidden !== undefined) await fetch(order.forbidden).catch(() => undefined);
  // A violation is told a little after what it stopped.
  await new Promise((resolve) => setTimeout(resolve, 200));
  await fetch('/findings', { method: 'POST', body: JSON.stringify(findings) });
}

void run();
