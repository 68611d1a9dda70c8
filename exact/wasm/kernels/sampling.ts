/** Token choice: section 7. AssemblyScript. */
import { roundShift, storeU64Words } from './scalar';

/** Greedy: the largest logit and its lowest id, as two words at `words`. */
export function argmax(logits: usize, vocab: i32, words: usize): i32 {
  let best = load<i32>(logits);
  let bestAt = 0;
  for (let id = 1; id < vocab; id++) {
    const z = load<i32>(logits + (<usize>id << 2));
    if (z > best) {
      best = z;
      bestAt = id;
    }
  }
  store<i32>(words, best);
  store<u32>(words, <u32>bestAt, 4);
  return bestAt;
}

/** Weight of a logit z; `table` is [1024] u32. */
export function weight(best: i32, z: i32, t: i32, minPX: i32, table: usize): u32 {
  const x = (<u64>(<i64>best - <i64>z) * <u64>t + (1 << 21)) >> 22;
  if (x >= 24576 || (minPX != 0 && x > <u64>minPX)) return 0;
  return <u32>roundShift(load<i32>(table + (<usize>(x & 1023) << 2)), <i32>(x >> 10));
}

/** floor(r W / 2^128); `random` is r in 16 bytes, most significant first, W < 2^47. */
export function threshold(random: usize, total: u64): u64 {
  let carry: u64 = 0;
  for (let i = 14; i >= 0; i -= 2) {
    const limb = (<u64>load<u8>(random + i) << 8) | <u64>load<u8>(random + i, 1);
    carry = (limb * total + carry) >> 16;
  }
  return carry;
}

function storeDraw(out: usize, kept: i32, total: u64, token: i32): i32 {
  store<u32>(out, <u32>kept);
  storeU64Words(out + 4, total);
  store<u32>(out, <u32>token, 12);
  return token;
}

/**
 * Full mode.
 * @param max words of `argmax`
 * @param sums [ceil(V / 64)] u64 as words, gets the running sums
 * @param draw gets kept, W (u64), token
 */
export function drawFull(
  logits: usize, vocab: i32, max: usize, t: i32, minPX: i32, table: usize, random: usize, sums: usize, draw: usize,
): i32 {
  const best = load<i32>(max);
  let sum: u64 = 0;
  for (let id = 0; id < vocab; id++) {
    sum += weight(best, load<i32>(logits + (<usize>id << 2)), t, minPX, table);
    storeU64Words(sums + (<usize>(id >> 6) << 3), sum);
  }
  const wanted = threshold(random, sum);
  let before: u64 = 0;
  let token = 0;
  for (;;) { // whole blocks of 64 first; the last running sum exceeds what is wanted
    const at = sums + (<usize>(token >> 6) << 3);
    const after = (<u64>load<u32>(at) << 32) | <u64>load<u32>(at, 4);
    if (after > wanted) break;
    before = after;
    token += 64;
  }
  for (;;) {
    before += weight(best, load<i32>(logits + (<usize>token << 2)), t, minPX, table);
    if (before > wanted) break;
    token++;
  }
  return storeDraw(draw, 0, sum, token);
}

/** The first `length` ids by logit descending, id ascending; entries of three words z, id, w (w not written). */
function largest(logits: usize, vocab: i32, length: i32, list: usize): void {
  let count = 0;
  for (let id = 0; id < vocab; id++) {
    const z = load<i32>(logits + (<usize>id << 2));
    if (count == length) {
      if (z <= load<i32>(list + <usize>(count - 1) * 12)) continue;
      count--;
    }
    let at = list + <usize>count * 12;
    while (at > list && load<i32>(at - 12) < z) {
      store<i32>(at, load<i32>(at - 12));
      store<i32>(at, load<i32>(at - 8), 4);
      at -= 12;
    }
    store<i32>(at, z);
    store<i32>(at, id, 4);
    count++;
  }
}

/**
 * Top mode.
 * @param list [min(topK, V)] entries z, id, w
 * @param draw gets kept, W (u64), token
 */
export function drawTop(
  logits: usize, vocab: i32, max: usize, t: i32, minPX: i32, length: i32, topP16: i32, table: usize, random: usize,
  list: usize, draw: usize,
): i32 {
  largest(logits, vocab, length, list);
  const end = list + <usize>length * 12;
  let all: u64 = 0;
  for (let at = list; at < end; at += 12) {
    const w = weight(load<i32>(max), load<i32>(at), t, minPX, table);
    store<u32>(at, w, 8);
    all += w;
  }
  let kept = length;
  let total = all;
  if (topP16 != 0) {
    kept = 0;
    total = 0;
    do {
      total += <u64>load<u32>(list + <usize>kept * 12, 8);
      kept++;
    } while (total << 16 < <u64>topP16 * all);
  }
  const wanted = threshold(random, total);
  const keptEnd = list + <usize>kept * 12;
  let sum: u64 = 0;
  let token = -1;
  while (sum <= wanted) { // the next higher id among those kept
    let next = keptEnd;
    for (let at = list; at < keptEnd; at += 12) {
      const id = load<i32>(at, 4);
      if (id > token && (next == keptEnd || id < load<i32>(next, 4))) next = at;
    }
    token = load<i32>(next, 4);
    sum += <u64>load<u32>(next, 8);
  }
  return storeDraw(draw, kept, total, token);
}
