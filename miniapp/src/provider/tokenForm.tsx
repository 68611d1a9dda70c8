import { useState } from 'preact/hooks';
import { useWords } from './words';

/** What a worker asks that others reach too. */
export function TokenForm({ wasWrong, enter }: { wasWrong: boolean; enter: (token: string) => void }) {
  const { t } = useWords();
  const [token, setToken] = useState('');
  const submit = (event: Event): void => {
    event.preventDefault();
    if (token.trim() !== '') enter(token.trim());
  };
  return (
    <form class="group" onSubmit={submit}>
      <h2>{t('provider.tokenTitle')}</h2>
      <div class="rows">
        <label class="field wide">
          <span>{t('provider.token')}</span>
          <input type="password" autocomplete="current-password" value={token} aria-invalid={wasWrong} aria-describedby="token-note" onInput={(event) => setToken(event.currentTarget.value)} />
        </label>
        <div class="row-action"><button type="submit" class="button">{t('provider.enter')}</button></div>
      </div>
      {wasWrong && <p class="note bad" role="alert">{t('provider.tokenWrong')}</p>}
      <p class="note" id="token-note">{t('provider.tokenHint')}</p>
    </form>
  );
}
