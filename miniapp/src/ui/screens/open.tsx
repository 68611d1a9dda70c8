import { useEffect, useState } from 'preact/hooks';
import { BadgeButton } from '../parts/badge';
import { Notice } from '../parts/notice';
import { blockedProvider } from '../blocked';
import { formatTon, parseTon } from '../money';
import { shortAddress } from '../address';
import { useUi } from '../context';
import { Icon } from '../parts/icons';
import { Price } from '../parts/price';

/** nanoTON. */
const LEAST = 100_000_000n;
const MOST = 1_000_000_000_000n;

/** One deposit, one button, one question of the wallet. */
export function Open() {
  const ui = useUi();
  const { state, t, ton, go, turn, app, address, language } = ui;
  const provider = state.providers?.find(({ stake }) => stake === state.chosen);
  const [typed, setTyped] = useState<string | null>(null);
  const [isSubmitted, setSubmitted] = useState(false);
  const text = typed ?? formatTon(BigInt(state.config?.deposit ?? LEAST), language).replace(/\s/g, '');
  const amount = parseTon(text);
  const { wallet, channel } = state;
  const isOpening = channel?.stake === state.chosen && channel?.phase === 'opening';
  const isOpen = channel?.stake === state.chosen && channel?.phase === 'open';
  useEffect(() => {
    if (isOpen) turn('chat');
  }, [isOpen]);
  if (provider === undefined) return <div class="page"><Notice kind="plain" title={t('ui.needsProvider')} /></div>;

  const blocked = blockedProvider(ui, provider);
  const wrong =
    amount === null ? t('ui.amountBad', { example: ton(1_500_000_000n) })
    : amount < LEAST ? t('ui.amountLow', { amount: ton(LEAST) })
    : amount > MOST ? t('ui.amountHigh', { amount: ton(MOST) })
    : null;
  const price = provider.offer?.outputPrice ?? 0n;
  const tokens = amount === null || price === 0n ? null : (amount * 1_000_000n) / price;
  const submit = (event: Event): void => {
    event.preventDefault();
    setSubmitted(true);
    if (wrong === null && amount !== null && blocked === null) void app.openChannel(amount);
  };
  const isBusy = wallet.isAsked || isOpening;
  const shown = ton(isOpening ? channel.deposit : (amount ?? 0n));

  return (
    <form class="page" onSubmit={submit} noValidate>
      <section class="group">
        <div class="rows">
          <div class="row row-main still">
            <span class="row-lines">
              <span class="row-title">{shortAddress(address(provider.stake))}</span>
              <span class="row-text">{t('ui.stake', { amount: ton(provider.stakeActive, 'down') })}</span>
              {provider.offer && <Price offer={provider.offer} />}
            </span>
            <BadgeButton level={provider.verdict.level} onTap={() => go('open', { name: 'provider', stake: provider.stake })} />
          </div>
          <WalletRow />
        </div>
        <p class="note">{t('ui.walletAbout')}</p>
      </section>
      <section class="group">
        <div class="rows">
          <label class="row amount">
            <span>{t('ui.amount')}</span>
            <input
              name="amount" inputMode="decimal" autocomplete="off" enterkeyhint="done" value={text} disabled={isBusy}
              aria-invalid={wrong !== null} aria-describedby="amount-note" onInput={(event) => setTyped(event.currentTarget.value)}
            />
            <span aria-hidden="true">{t('ui.amountUnit')}</span>
          </label>
        </div>
        <p class="note" id="amount-note">
          {wrong !== null && (typed !== null || isSubmitted) ? <b class="bad">{wrong}</b> : tokens !== null && t('ui.amountTokens', { tokens: new Intl.NumberFormat(language, { notation: 'compact', maximumFractionDigits: 1 }).format(tokens) })}
        </p>
        <p class="note">{t('ui.openAbout')}</p>
      </section>
      <div class="actions">
        {blocked !== null && <Notice kind="plain" icon="question" title={t('ui.blocked')}>{blocked}</Notice>}
        {wallet.isAsked && <Notice kind="waiting" title={t('ui.openAsked')}>{t('ui.openAskedAbout', { amount: shown })}</Notice>}
        {!wallet.isAsked && isOpening && <Notice kind="waiting" title={t('ui.openWaiting')}>{t('ui.openWaitingAbout')}</Notice>}
        {wallet.state === 'connected'
          ? <button type="submit" class="button" disabled={isBusy || blocked !== null || wrong !== null}>{t('ui.openButton', { amount: shown })}</button>
          : <button type="button" class="button" onClick={() => go('open', { name: 'wallet' })}>{t('ui.connectWallet')}</button>}
      </div>
    </form>
  );
}

/** The wallet, or how to connect one. */
function WalletRow() {
  const { state, t, go, place, address } = useUi();
  const { wallet } = state;
  const text = wallet.state === 'connected' ? `${wallet.name ?? ''} ${wallet.account ? shortAddress(address(wallet.account)) : ''}` : t(wallet.state === 'connecting' ? 'ui.walletWaiting' : 'ui.connectWallet');
  return (
    <button type="button" class="row row-main" aria-haspopup="dialog" onClick={() => go(place.screen, { name: 'wallet' })}>
      <Icon name="wallet" />
      <span class="row-lines"><span class="row-title">{t('ui.wallet')}</span><span class="row-text">{text}</span></span>
      <Icon name="next" />
    </button>
  );
}
