/** What a thread keeps besides the points it is given. AssemblyScript. Threads share the memory; each has a workspace of its own. */

/** p - 2, and 1 (2^390 modulo p), as the host wrote them. */
export const EXPONENT: usize = 0;
export const ONE: usize = 64;
/** 0 and 1 of the quadratic field. */
export const ZERO: usize = 128;
export const ONE_OF_TWO: usize = 256;
/** Intermediate results of the fields. */
export const FIELD: usize = 384;
/** Intermediate results of the groups, 128 bytes each. */
export const GROUP: usize = 1024;
export const WORKSPACE_BYTES: usize = 4096;

export let workspace: usize = 0;

/** Before anything else, in every thread. @param at WORKSPACE_BYTES, of which the host wrote the exponent and 1; the rest is 0 */
export function prepare(at: usize): void {
  workspace = at;
  memory.copy(at + ONE_OF_TWO, at + ONE, 64);
}

export function workspaceBytes(): usize {
  return WORKSPACE_BYTES;
}

/** o = a, in lines of 64 bytes: memory.copy calls out of WebAssembly, which takes longer for so few. */
@inline export function copyLines(o: usize, a: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 64) {
    v128.store(o + at, v128.load(a + at), 0);
    v128.store(o + at, v128.load(a + at, 16), 16);
    v128.store(o + at, v128.load(a + at, 32), 32);
    v128.store(o + at, v128.load(a + at, 48), 48);
  }
}

/** Clears the intermediate results of a thread that is at rest. */
export function forget(at: usize): void {
  memory.fill(at + FIELD, 0, WORKSPACE_BYTES - FIELD);
}
