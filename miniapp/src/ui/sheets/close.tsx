import { Sheet } from '../parts/sheet';
import { useUi } from '../context';
import type { ChannelView } from '../../types';

/** Asks once more before a channel is closed. */
export function CloseSheet({ channel }: { channel: ChannelView }) {
  const { t, ton, app, back } = useUi();
  const close = (): void => {
    back();
    void app.closeChannel();
  };
  return (
    <Sheet
      title={t('ui.closeAsk')}
      foot={(
        <>
          <button type="button" class="button quiet" onClick={back}>{t('ui.cancel')}</button>
          <button type="button" class="button danger" onClick={close}>{t('ui.closeChannel')}</button>
        </>
      )}
    >
      <p class="note">{t('ui.closeAbout', { spent: ton(channel.signed), back: ton(channel.refundable, 'down') })}</p>
    </Sheet>
  );
}
