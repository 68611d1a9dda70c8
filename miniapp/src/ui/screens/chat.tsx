import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { BadgeButton } from '../parts/badge';
import { Icon } from '../parts/icons';
import { Empty } from '../parts/notice';
import { blockedSend } from '../blocked';
import { useUi } from '../context';
import { ChannelBar } from './channel';
import { Message } from './message';
import type { Estimate } from '../../types';

/** Milliseconds of quiet before a draft is counted. */
const ESTIMATE_AFTER = 250;

export function Chat() {
  const { state, t } = useUi();
  const scroller = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useLayoutEffect(() => {
    const { current } = scroller;
    if (current !== null && isAtEnd.current) current.scrollTop = current.scrollHeight;
  });
  const scrolled = ({ currentTarget: { scrollHeight, scrollTop, clientHeight } }: { currentTarget: HTMLElement }): void => {
    isAtEnd.current = scrollHeight - scrollTop - clientHeight < 48;
  };
  return (
    <div class="chat" ref={scroller} onScroll={scrolled} tabIndex={0} role="region" aria-label={t('ui.chat')}>
      {state.channel !== null && <ChannelBar channel={state.channel} />}
      <div class="talk">
        {state.messages.length === 0
          ? <Empty icon="shield" title={t('ui.emptyChat')}><p>{t('ui.emptyChatAbout')}</p></Empty>
          : <ol class="messages">{state.messages.map((message) => <Message key={message.id} message={message} />)}</ol>}
      </div>
      <Composer />
    </div>
  );
}

function Composer() {
  const ui = useUi();
  const { state, t, ton, app, go, draft, setDraft } = ui;
  const provider = state.providers?.find(({ stake }) => stake === state.channel?.stake);
  const streaming = state.messages.find((message) => message.state === 'streaming');
  const blocked = blockedSend(ui);
  const estimate = useEstimate(draft, String(provider?.offer?.outputPrice));
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const { current } = field;
    if (current === null) return;
    current.style.height = 'auto';
    current.style.height = `${current.scrollHeight}px`;
  }, [draft]);

  const canSend = blocked === null && streaming === undefined && draft.trim() !== '';
  const send = (): void => {
    if (!canSend) return;
    setDraft('');
    app.send(draft).catch(() => setDraft(draft));
  };
  const pressed = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <form class="composer" onSubmit={(event) => (event.preventDefault(), send())}>
      <div class="composer-line">
        {provider && <BadgeButton level={provider.verdict.level} onTap={() => go('chat', { name: 'provider', stake: provider.stake })} />}
        <span class="estimate" id="estimate">
          {streaming ? t('ui.upTo', { amount: ton(streaming.most, 'up') }) : estimate && t('ui.upTo', { amount: ton(estimate.most, 'up') })}
        </span>
      </div>
      {blocked !== null && (
        <p class="blocked" id="blocked" role="status"><Icon name="question" /><span>{t('ui.sendBlocked', { reason: blocked })} {draft !== '' && t('ui.draftKept')}</span></p>
      )}
      <div class="composer-box">
        <label class="hidden" for="prompt">{t('ui.prompt')}</label>
        <textarea
          id="prompt" ref={field} rows={1} value={draft} placeholder={t('ui.promptPlaceholder')} enterkeyhint="send" aria-describedby="blocked estimate"
          onInput={(event) => setDraft(event.currentTarget.value)} onKeyDown={pressed}
        />
        {streaming
          ? <button type="button" class="round stop" aria-label={t('ui.stop')} onClick={() => app.stop()}><Icon name="stop" /></button>
          : <button type="submit" class="round" aria-label={t('ui.send')} aria-disabled={!canSend}><Icon name="send" /></button>}
      </div>
    </form>
  );
}

/** What the draft would cost at most; null while nobody knows. */
function useEstimate(draft: string, price: string): Estimate | null {
  const { app } = useUi();
  const [found, setFound] = useState<{ draft: string; estimate: Estimate } | null>(null);
  useEffect(() => {
    if (draft.trim() === '') return undefined;
    let isStale = false;
    const timer = setTimeout(() => {
      app.estimate(draft).then(
        (estimate) => isStale || setFound({ draft, estimate }),
        () => isStale || setFound(null),
      );
    }, ESTIMATE_AFTER);
    return () => {
      isStale = true;
      clearTimeout(timer);
    };
  }, [draft, price]);
  return draft.trim() === '' ? null : (found?.estimate ?? null);
}
