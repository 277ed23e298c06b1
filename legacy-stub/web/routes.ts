import { completions, job, jobs } from '../views/ai.ts';
import { channels, messages } from '../views/chat.ts';
import { summary } from '../views/dashboard.ts';
import { content, file, files } from '../views/files.ts';
import { login, logout, me } from '../views/login.ts';
import { session } from '../views/session.ts';
import type { View } from './view.ts';

type Route = Readonly<{ pattern: RegExp; view: View }>;

/** Django's urls.py: `<name>` stands for one segment. */
const URLS: readonly (readonly [path: string, view: View])[] = [
  ['/api/auth/login/', login],
  ['/api/auth/logout/', logout],
  ['/api/auth/me/', me],
  ['/api/ai/completions/', completions],
  ['/api/ai/jobs/', jobs],
  ['/api/ai/jobs/<id>/', job],
  ['/api/chat/channels/', channels],
  ['/api/chat/channels/<id>/messages/', messages],
  ['/api/files/', files],
  ['/api/files/<id>/', file],
  ['/api/files/<id>/content/', content],
  ['/api/dashboard/summary/', summary],
  ['/.banyan/session/', session],
];

const ROUTES: readonly Route[] = URLS.map(([path, view]) => ({ pattern: compile(path), view }));
const SOCKET = compile('/ws/chat/<channel>/');

function compile(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replace(/<([a-z]+)>/g, '(?<$1>[^/]+)')}$`);
}

export function findView(path: string) {
  for (const { pattern, view } of ROUTES) {
    const match = pattern.exec(path);
    if (match) return { view, params: { ...match.groups } };
  }
  return undefined;
}

/** The channel of a WebSocket's path, or undefined where the path is another. */
export function findSocketChannel(path: string): string | undefined {
  return SOCKET.exec(path)?.groups?.channel;
}
