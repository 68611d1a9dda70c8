/** A dialog that comes up from the bottom. The browser keeps everything behind it out of reach; Tab stays within, Escape closes. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { useUi } from '../context';
import { Icon } from './icons';

const CAN_FOCUS = 'button:not(:disabled), a[href], input, select, textarea, [tabindex="0"]';

export function Sheet({ title, children, foot }: { title: string; children: ComponentChildren; foot?: ComponentChildren }) {
  const { t, back } = useUi();
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    dialog.current?.querySelector('button')?.focus();
    // Not before it is gone: until then nothing else takes the focus.
    return () => queueMicrotask(() => before instanceof HTMLElement && before.focus());
  }, []);
  const keepWithin = (event: KeyboardEvent): void => {
    if (event.key !== 'Tab') return;
    const stops = Array.from(dialog.current!.querySelectorAll<HTMLElement>(CAN_FOCUS));
    const [edge, other] = event.shiftKey ? [stops[0], stops[stops.length - 1]] : [stops[stops.length - 1], stops[0]];
    if (document.activeElement !== edge) return;
    event.preventDefault();
    other.focus();
  };
  return (
    <dialog
      ref={dialog} class="sheet" aria-labelledby="sheet-title" onKeyDown={keepWithin}
      onCancel={(event) => (event.preventDefault(), back())}
      onClick={(event) => event.target === dialog.current && back()}
    >
      <div class="sheet-body">
        <header class="sheet-head">
          <h2 id="sheet-title">{title}</h2>
          <button type="button" class="icon-button" aria-label={t('ui.close')} onClick={back}><Icon name="close" /></button>
        </header>
        <div class="sheet-content" tabIndex={0} role="region" aria-labelledby="sheet-title">{children}</div>
        {foot && <footer class="sheet-foot">{foot}</footer>}
      </div>
    </dialog>
  );
}
