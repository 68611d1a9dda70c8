/** Stands for Node's `crypto` in the bundle: libraries look there where `globalThis.crypto` is missing, and in a page it is not. */
export const webcrypto = globalThis.crypto;
