import { useState } from 'preact/hooks';
import { Icon } from '../parts/icons';
import { Notice } from '../parts/notice';
import { Sheet } from '../parts/sheet';
import { useUi } from '../context';

/** The page's own list of wallets. A link is made and opened within the tap: iOS opens none later. */
export function WalletSheet() {
  const { state, t, app, telegram, address } = useUi();
  const { wallet, config } = state;
  const [isChoosing, setChoosing] = useState(false);
  const [isCopied, setCopied] = useState(false);
  const choose = (id: string): void => {
    setChoosing(false);
    setCopied(false);
    telegram.open(app.connect(id));
  };
  const copy = async (link: string): Promise<void> => {
    await navigator.clipboard.writeText(link).catch(() => undefined);
    setCopied(true);
  };

  if (wallet.state === 'connected') {
    return (
      <Sheet title={t('ui.wallet')} foot={<button type="button" class="button quiet" onClick={() => void app.disconnect()}>{t('ui.disconnect')}</button>}>
        <dl class="facts">
          <div class="fact"><dt>{t('ui.walletConnected')}</dt><dd>{wallet.name}<code>{wallet.account && address(wallet.account)}</code></dd></div>
        </dl>
      </Sheet>
    );
  }
  const { link } = wallet;
  if (wallet.state === 'connecting' && link !== undefined && !isChoosing) {
    return (
      <Sheet title={wallet.name ?? t('ui.wallet')} foot={<button type="button" class="button quiet" onClick={() => setChoosing(true)}>{t('ui.walletOther')}</button>}>
        <Notice kind="waiting" title={t('ui.walletWaiting')}>{t('ui.walletWaitingAbout')}</Notice>
        <a
          class="button" href={link} target="_blank" rel="noopener noreferrer"
          onClick={(event) => (event.preventDefault(), telegram.open(link))}
        >{t('ui.walletOpen')}</a>
        <label class="copy">
          <span>{t('ui.walletLink')}</span>
          <input readOnly value={link} onFocus={(event) => event.currentTarget.select()} />
          <button type="button" class="button quiet" onClick={() => void copy(link)} aria-live="polite">{t(isCopied ? 'ui.copied' : 'ui.copy')}</button>
        </label>
      </Sheet>
    );
  }
  return (
    <Sheet title={t('ui.connectWallet')}>
      <p class="note">{t('ui.walletAbout')}</p>
      {config?.wallets.length === 0 && <p class="note">{t('ui.noWallets')}</p>}
      <ul class="rows">
        {config?.wallets.map(({ id, name }) => (
          <li key={id} class="row">
            <button type="button" class="row-main" onClick={() => choose(id)}><Icon name="wallet" /><span class="row-lines"><span class="row-title">{name}</span></span><Icon name="next" /></button>
          </li>
        ))}
      </ul>
    </Sheet>
  );
}
