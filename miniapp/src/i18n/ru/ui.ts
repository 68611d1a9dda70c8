import type { ui as english } from '../en/ui';

export const ui: Record<keyof typeof english, string> = {
  'ui.noConfig': 'Страница не может начать работу: {what} в её /config.json отсутствует или неверно. Исправить это должен её оператор.',
  'ui.unexpected': 'Что-то пошло не так ({code}): {message}',
};
