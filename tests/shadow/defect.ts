import type { Handle, HandleRequest } from '../../src/handle/index.ts';
import type { AlterHandle } from '../../src/shadow.ts';
import type { TenantModel, TenantTransaction } from '../../src/store/index.ts';
import type { Tap } from '../../src/vocabulary/index.ts';

// Where developers make mistakes: in what a handler reads of its request, in its queries, in what it makes of their rows, and in what it
// writes as its answer. Each of these tools puts a mistake into one handler and leaves all others as they are.

/** A handler that reads its request wrongly. */
export function misread(handler: string, change: (request: HandleRequest) => HandleRequest): AlterHandle {
  return only(handler, (handle) => ({
    ...handle,
    answer: (request, req, res) => handle.answer(change(request), req, res),
  }));
}

/** A handler whose transactions are not what they should be. */
export function misquery(
  handler: string,
  change: (tx: TenantTransaction) => Partial<TenantTransaction>,
): AlterHandle {
  return misread(handler, (request) => {
    const { rehearsal } = request;
    if (!rehearsal) return request;
    const { scope } = rehearsal;
    const within: typeof scope.within = (work) => scope.within((tx) => work({ ...tx, ...change(tx) }));
    return { ...request, rehearsal: { ...rehearsal, scope: { ...scope, within } } };
  });
}

export type Args = Readonly<Record<string, unknown>>;
type Call = (args: Args) => Promise<unknown>;
type Calls = Readonly<Record<string, (args: Args, call: Call) => unknown>>;

/** One model of a transaction with some of its operations changed. */
export function changeCalls<Model extends TenantModel>(
  tx: TenantTransaction,
  model: Model,
  calls: Calls,
): Pick<TenantTransaction, Model> {
  const own = tx[model] as unknown as Readonly<Record<string, Call>>;
  const changed = Object.entries(calls).map(([operation, change]) => [
    operation,
    async (args: Args) => change(args, (other) => (own[operation] as Call)(other)),
  ]);
  const delegate = new Proxy(
    {},
    { get: (_target, name) => Object.fromEntries(changed)[name as string] ?? own[name as string] },
  );
  return { [model]: delegate } as unknown as Pick<TenantTransaction, Model>;
}

/** A handler that makes the wrong thing of the rows that it finds or has written. */
export function misshow(
  handler: string,
  model: TenantModel,
  change: (row: Record<string, unknown>) => Record<string, unknown>,
): AlterHandle {
  const one = async (args: Args, call: Call) => changeRow(await call(args), change);
  const many = async (args: Args, call: Call) =>
    ((await call(args)) as Record<string, unknown>[]).map((row) => change(row));
  const calls = { findFirst: one, findMany: many, create: one, update: one };
  return misquery(handler, (tx) => changeCalls(tx, model, calls));
}

const changeRow = (row: unknown, change: (row: Record<string, unknown>) => unknown) =>
  row ? change(row as Record<string, unknown>) : row;

/** A handler that writes other data than it should. */
export function miswrite(
  handler: string,
  model: TenantModel,
  operation: 'create' | 'update',
  change: (data: Record<string, unknown>) => Record<string, unknown>,
): AlterHandle {
  const write = (args: Args, call: Call) =>
    call({ ...args, data: change(args.data as Record<string, unknown>) });
  return misquery(handler, (tx) => changeCalls(tx, model, { [operation]: write }));
}

/** An answer as a handler gave it. `headers`: name and value in turn. */
export type Given = Readonly<{ status: number; headers: readonly string[]; text: string }>;

/** A handler that answers wrongly. */
export function misanswer(
  handler: string,
  change: (given: Given, request: HandleRequest) => Partial<Given>,
): AlterHandle {
  return only(handler, (handle) => ({
    ...handle,
    answer: async (request, req, res) => {
      const pieces: Uint8Array[] = [];
      let head: Pick<Given, 'status' | 'headers'> | undefined;
      const tap: Tap = {
        uploaded: () => undefined,
        answerBegan: (status, headers) => {
          head = { status, headers };
        },
        answered: (piece) => void pieces.push(piece),
      };
      const outcome = await handle.answer({ ...request, tap }, req, res);
      if (!head) return outcome;
      // Bytes stay bytes: latin1 loses nothing.
      const given = { ...head, text: Buffer.concat(pieces).toString('latin1') };
      const { status, headers, text } = { ...given, ...change(given, request) };
      request.tap?.answerBegan(status, headers);
      request.tap?.answered(Buffer.from(text, 'latin1'));
      return outcome.kind === 'answered' ? { ...outcome, status } : outcome;
    },
  }));
}

/** A handler whose answer says something else in its JSON, or in its events. */
export function missay(handler: string, pattern: RegExp, other: string): AlterHandle {
  return misanswer(handler, ({ text }) => ({ text: text.replace(pattern, other) }));
}

/** A handler that forgets a header, or writes another value. */
export function mishead(
  handler: string,
  name: string,
  change: (value: string) => string | undefined,
): AlterHandle {
  return misanswer(handler, ({ headers }) => ({ headers: changeHeader(headers, name, change) }));
}

export function changeHeader(
  headers: readonly string[],
  name: string,
  change: (value: string) => string | undefined,
): readonly string[] {
  const changed: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [key = '', value = ''] = [headers[i], headers[i + 1]];
    const other = key.toLowerCase() === name ? change(value) : value;
    if (other !== undefined) changed.push(key, other);
  }
  return changed;
}

/** `raw` as the transaction's $queryRaw sees it, with one text in it replaced: SQL that says something else. */
export function rewriteSql(sql: TemplateStringsArray, from: string, to: string): TemplateStringsArray {
  const strings = sql.map((part) => part.replace(from, to));
  return Object.assign(strings, { raw: strings });
}

function only(handler: string, alter: AlterHandle): AlterHandle {
  return (handle: Handle) => {
    const spoilt = alter(handle);
    return {
      ...handle,
      answer: (request, req, res) =>
        (request.decision.handler === handler ? spoilt : handle).answer(request, req, res),
    };
  };
}
