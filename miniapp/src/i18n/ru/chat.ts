import type { chat as english } from '../en/chat';

export const chat: Record<keyof typeof english, string> = {
  'chat.title': 'Chat',
};
