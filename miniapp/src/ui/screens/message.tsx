import { BadgeButton } from '../parts/badge';
import { Notice } from '../parts/notice';
import { useUi } from '../context';
import type { MessageView } from '../../types';

const elementId = (id: string): string => `message-${id}`;

/** The texts of a message that are in the document at this moment, whatever was meant to be there. */
export function shownText(id: string): { prompt: string; answer: string } {
  const element = document.getElementById(elementId(id));
  const read = (part: string): string => element?.querySelector(`.${part}`)?.textContent ?? '';
  return { prompt: read('prompt'), answer: read('answer') };
}

/** A prompt and its answer as plain text: nothing in them is markup, so that what is shown is what was signed. */
export function Message({ message }: { message: MessageView }) {
  const { t, text, ton, go, number, app } = useUi();
  const { id, state, cost, problem } = message;
  const isStreaming = state === 'streaming';
  return (
    <li id={elementId(id)} class={`message ${state}`} aria-busy={isStreaming}>
      <h3 class="hidden">{t('ui.you')}</h3>
      <p class="bubble prompt">{message.prompt}</p>
      <h3 class="hidden">{t('ui.answer')}{message.modelName && ` · ${message.modelName}`}</h3>
      {message.answer === '' && isStreaming ? <p class="bubble pending"><span class="hidden">{t('ui.thinking')}</span><i /><i /><i /></p> : message.answer !== '' && <p class="bubble answer">{message.answer}</p>}
      {(state === 'failed' || state === 'incomplete') && (
        <Notice kind="problem" isStill title={t(state === 'failed' ? 'ui.failed' : 'ui.incomplete')}>{problem && text(problem.text)}</Notice>
      )}
      {message.canResume && <button type="button" class="button quiet" onClick={() => void app.resume(id)}>{t('ui.resume')}</button>}
      <div class="message-foot">
        {isStreaming
          ? <span>{t('ui.costSoFar', { amount: ton(cost) })}</span>
          : <><BadgeButton level={message.verdict.level} onTap={() => go('chat', { name: 'message', id })} /><span>{t('ui.ton', { amount: ton(cost) })}</span></>}
        <span class="tokens">{t('ui.tokens', { prompt: number(message.promptTokens), output: number(message.outputTokens) })}</span>
      </div>
    </li>
  );
}
