import { get, messagesOf, post, SUMMARY } from './asks.ts';
import { changeCalls, misanswer, misquery, misread, rewriteSql } from './defect.ts';
import { expecting, type PlantedBug } from './planted-bug.ts';

const inSummary = (path: string, kind: PlantedBug['expects']['kind']) =>
  expecting('dashboard.summary', path, kind);
const summary = { ask: (tenant: string) => [get(tenant, SUMMARY)] };

export const BUGS_IN_DASHBOARD: readonly PlantedBug[] = [
  {
    name: 'a tenant that nobody names is acme',
    alter: misread('dashboard/summary', (request) => {
      const { rehearsal } = request;
      const tenant = 'acme' as NonNullable<typeof rehearsal>['scope']['tenant'];
      return rehearsal
        ? { ...request, rehearsal: { ...rehearsal, scope: { ...rehearsal.scope, tenant } } }
        : request;
    }),
    expects: inSummary('/tenant', 'value'),
    ...summary,
  },
  {
    name: 'people who have left are not counted',
    alter: misquery('dashboard/summary', (tx) =>
      changeCalls(tx, 'authUser', {
        count: (args, call) => call({ ...args, where: { ...(args.where as object), isActive: true } }),
      }),
    ),
    expects: inSummary('/users', 'value'),
    ...summary,
  },
  {
    name: 'days begin at midnight of another time zone',
    alter: misquery('dashboard/summary', (tx) => ({
      $queryRaw: ((sql: TemplateStringsArray, ...values: unknown[]) =>
        tx.$queryRaw(rewriteSql(sql, `'UTC'`, `'Asia/Tokyo'`), ...values)) as typeof tx.$queryRaw,
    })),
    expects: inSummary('/messages_per_day/*/count', 'value'),
    ...summary,
  },
  {
    name: 'an average is rounded to two places',
    alter: misanswer('dashboard/summary', ({ text }) => ({
      text: text.replace(
        /"average_temperature":([\d.e+-]+)/,
        (_all, number) => `"average_temperature":${Number(Number(number).toPrecision(2))}`,
      ),
    })),
    expects: inSummary('/average_temperature', 'value'),
    ...summary,
  },
  {
    name: 'the summary is kept for a day',
    alter: (handle) => keepForADay()(handle),
    expects: inSummary('/chat/messages', 'value'),
    ask: (tenant) => [
      get(tenant, SUMMARY),
      post(tenant, messagesOf(1), { body: 'one more' }),
      get(tenant, SUMMARY),
    ],
  },
];

function keepForADay() {
  const kept = new Map<string, string>();
  return misanswer('dashboard/summary', ({ text }, { caller }) => {
    const tenant = String(caller.tenant);
    kept.set(tenant, kept.get(tenant) ?? text);
    return { text: kept.get(tenant) ?? text };
  });
}
