import { afterAll, beforeAll, describe } from '@jest/globals';
import { createSameRows, type SameRows, type Side } from '../support/sides.ts';
import { describeAi } from './ai.contract.ts';
import { describeChat } from './chat.contract.ts';
import { describeDashboard } from './dashboard.contract.ts';
import { describeFiles } from './files.contract.ts';
import { describeHabits } from './habits.contract.ts';
import { describeLogin } from './login.contract.ts';

/** What docs/demo-product.md promises, asked of one side. Runs the same for legacy and for the new side. */
export function describeProduct(start: (rows: SameRows) => Promise<Side>): void {
  let rows: SameRows;
  let side: Side;
  beforeAll(async () => {
    rows = await createSameRows();
    side = await start(rows);
  });
  afterAll(async () => {
    await side?.close();
    await rows?.drop();
  });
  const asked: Pick<Side, 'ask' | 'openSocket'> = {
    ask: (ask) => side.ask(ask),
    openSocket: (ask) => side.openSocket(ask),
  };
  describe('habits', () => describeHabits(asked));
  describe('login', () => describeLogin(asked));
  describe('ai', () => describeAi(asked));
  describe('chat', () => describeChat(asked));
  describe('files', () => describeFiles(asked));
  describe('dashboard', () => describeDashboard(asked));
}

export type Asked = Pick<Side, 'ask' | 'openSocket'>;
