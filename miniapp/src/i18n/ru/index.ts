import { app } from './app';
import { chat } from './chat';
import { ui } from './ui';
import { verify } from './verify';
import { wallet } from './wallet';
import type { Messages } from '..';

export const russian: Messages = { ...app, ...ui, ...wallet, ...chat, ...verify };
