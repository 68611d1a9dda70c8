import { useEffect, useState } from 'preact/hooks';

/** A list that comes in pages, and begins anew when `what` changes. */
export interface Pages<T> {
  items: readonly T[] | null;
  hasFailed: boolean;
  /** null when there is no more. */
  more: (() => void) | null;
}

interface Loaded<T> {
  items: readonly T[];
  next: string | null;
}

/** @param refresh a change of it reads the first page again, while no other is shown */
export function usePages<T>(load: (after: string | null) => Promise<Loaded<T>>, what: string, refresh: number): Pages<T> {
  const [shown, setShown] = useState<(Loaded<T> & { what: string; pages: number }) | null>(null);
  const [hasFailed, setFailed] = useState(false);
  const own = shown?.what === what ? shown : null;
  const read = (after: string | null, isCurrent: () => boolean): void => {
    setFailed(false);
    load(after).then(({ items, next }) => {
      if (!isCurrent()) return;
      const before = after === null ? { items: [], pages: 0 } : own!;
      setShown({ items: [...before.items, ...items], next, what, pages: before.pages + 1 });
    }, () => isCurrent() && setFailed(true));
  };
  useEffect(() => {
    let isCurrent = true;
    if ((own?.pages ?? 0) <= 1) read(null, () => isCurrent);
    return () => void (isCurrent = false);
  }, [what, refresh]);
  return { items: own?.items ?? null, hasFailed, more: own === null || own.next === null ? null : () => read(own.next, () => true) };
}
