/** Stands for the package `tweetnacl-util` in the page's bundle, whose way without `btoa` is Node's Buffer. */
import { fromBase64, toBase64 } from '../chain';

export default {
  encodeBase64: toBase64,
  decodeBase64: fromBase64,
  encodeUTF8: (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(bytes),
  decodeUTF8: (text: string): Uint8Array => new TextEncoder().encode(text),
};
