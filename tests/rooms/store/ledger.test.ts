import { openStore } from '../../../src/store/index.ts';
import { createStoreDatabase } from '../../support/store.ts';
import { describeLedger } from './ledger.contract.ts';

describeLedger('the ledger in PostgreSQL', async () => {
  const database = await createStoreDatabase();
  const open = () => openStore({ url: database.appUrl, emit: () => undefined, onUnscoped: 'refuse' });
  const [first, second] = [await open(), await open()];
  const close = async () => {
    await first.close();
    await second.close();
    await database.drop();
  };
  return { one: first.ledger, two: second.ledger, close };
});
