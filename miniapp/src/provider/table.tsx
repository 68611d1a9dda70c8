/** Tables with heads; those that are wider than a phone move sideways by themselves. */
import type { ComponentChildren } from 'preact';

interface TableProps {
  caption: string;
  heads: readonly string[];
  /** The first cell of a row names it. */
  rows: readonly { key: string; cells: readonly ComponentChildren[] }[];
  foot?: readonly ComponentChildren[];
  /** Columns from this one on are numbers. */
  numbersFrom?: number;
  /** The last one may take several lines. */
  wraps?: boolean;
}

export function Table({ caption, heads, rows, foot, numbersFrom = heads.length, wraps = false }: TableProps) {
  const kind = (index: number): string | undefined => (index >= numbersFrom ? 'number' : wraps && index === heads.length - 1 ? 'wrap' : undefined);
  const line = (cells: readonly ComponentChildren[]) => cells.map((cell, index) => (
    index === 0 ? <th key={index} scope="row">{cell}</th> : <td key={index} class={kind(index)}>{cell}</td>
  ));
  return (
    <div class="table" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <caption class="hidden">{caption}</caption>
        <thead><tr>{heads.map((head, index) => <th key={head} scope="col" class={kind(index)}>{head}</th>)}</tr></thead>
        <tbody>{rows.map(({ key, cells }) => <tr key={key}>{line(cells)}</tr>)}</tbody>
        {foot && <tfoot><tr>{line(foot)}</tr></tfoot>}
      </table>
    </div>
  );
}
