/** Groups of rows, as Telegram shows settings. */
import type { ComponentChildren } from 'preact';

export const Group = ({ title, note, children }: { title?: string; note?: string; children: ComponentChildren }) => (
  <section class="group">
    {title && <h2>{title}</h2>}
    <div class="rows">{children}</div>
    {note && <p class="note">{note}</p>}
  </section>
);

/** A name and what it is. */
export const Fact = ({ name, children }: { name: string; children: ComponentChildren }) => (
  <div class="fact"><dt>{name}</dt><dd>{children}</dd></div>
);

/** A few names and numbers beside each other; `exact` is what a rounded one stands for. */
export const Figures = ({ of, unit }: { of: readonly (readonly [name: string, shown: string, exact?: string])[]; unit?: string }) => (
  <dl class="figures">{of.map(([name, shown, exact]) => <div key={name}><dt>{name}</dt><dd title={exact && `${exact} ${unit ?? ''}`}>{shown}{unit && <small> {unit}</small>}</dd></div>)}</dl>
);
