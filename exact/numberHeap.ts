/** Numbers, of which the least comes out first: a binary heap. */
export class NumberHeap {
  private readonly items: number[] = [];

  push(item: number): void {
    const { items } = this;
    let at = items.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (items[parent] <= item) break;
      items[at] = items[parent];
      at = parent;
    }
    items[at] = item;
  }

  /** The least, or undefined when there is none. */
  pop(): number | undefined {
    const { items } = this;
    const least = items[0];
    const moved = items.pop();
    if (moved === undefined || items.length === 0) return moved;
    let at = 0;
    for (let child = 1; child < items.length; child = 2 * at + 1) {
      if (child + 1 < items.length && items[child + 1] < items[child]) child++;
      if (moved <= items[child]) break;
      items[at] = items[child];
      at = child;
    }
    items[at] = moved;
    return least;
  }
}
