import type { Exchange } from '../exchange.ts';
import { forUser } from '../view.ts';
import { dictionary, readFields } from '../wire/fields.ts';
import { readJsonBody } from '../wire/json-body.ts';
import { Refusal } from '../wire/refusal.ts';
import { requireChannel } from './channels.ts';
import { MESSAGE_BODY, showMessage, tellMessage, writeMessage } from './message.ts';

const FIELDS = { body: MESSAGE_BODY, metadata: dictionary() };

export async function postMessage(exchange: Exchange): Promise<void> {
  const body = await readJsonBody(exchange.body, exchange.header('content-type'));
  const given = body instanceof Refusal ? body : readFields(body, FIELDS);
  const message = await exchange.write(
    forUser(exchange, async (tx, author) => {
      const channel = await requireChannel(tx, exchange.params.id);
      if (given instanceof Refusal) throw given;
      return writeMessage(tx, { channel, author, ...given });
    }),
  );
  tellMessage(exchange.effects.live, exchange.tenant, message);
  await exchange.reply.json(201, showMessage(message));
}
