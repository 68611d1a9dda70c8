import { Icon } from '../parts/icons';
import { useUi } from '../context';

/** A receipt file from the disk, anybody's: it is shown as a message. */
export function ReceiptInput() {
  const { t, app, go } = useUi();
  const open = async (input: HTMLInputElement): Promise<void> => {
    const file = input.files?.[0];
    if (file === undefined) return;
    const text = await file.text();
    input.value = '';
    await app.openReceipt(text);
    go('chat');
  };
  return (
    <label class="row file-row">
      <span class="row-main">
        <Icon name="file" />
        <span class="row-lines"><span class="row-title link">{t('ui.openReceipt')}</span><span class="row-text">{t('ui.openReceiptAbout')}</span></span>
      </span>
      <input type="file" accept="application/json,.json" onChange={(event) => void open(event.currentTarget)} />
    </label>
  );
}

/** Saves a receipt as a file. */
export function saveReceipt(json: string, name: string): void {
  const url = URL.createObjectURL(new Blob([json], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
