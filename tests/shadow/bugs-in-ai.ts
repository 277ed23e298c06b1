import { COMPLETE, get, JOBS, post } from './asks.ts';
import {
  changeCalls,
  changeHeader,
  misanswer,
  misquery,
  misread,
  missay,
  misshow,
  miswrite,
} from './defect.ts';
import { expecting, type PlantedBug } from './planted-bug.ts';

type Kind = PlantedBug['expects']['kind'];
const inJobs = (path: string, kind: Kind) => expecting('ai.jobs', path, kind);
const inJob = (path: string, kind: Kind) => expecting('ai.job', path, kind);
const inAnswer = (path: string, kind: Kind) => expecting('ai.complete', path, kind);

const jobs = { ask: (tenant: string) => [get(tenant, `${JOBS}?page_size=100`)] };
const complete = (wish: object = {}) => ({
  ask: (tenant: string, nr: number) => [
    post(tenant, COMPLETE, { prompt: `Name ${nr}  trees, please`, ...wish }),
  ],
});
const stream = complete({ stream: true });

export const BUGS_IN_AI: readonly PlantedBug[] = [
  {
    name: 'a decimal is told as a float',
    alter: missay('ai/jobs', /"cost":"([\d.]+)"/g, '"cost":$1'),
    expects: inJobs('/results/*/cost', 'type'),
    ...jobs,
  },
  {
    name: 'a decimal loses the zeros of its scale',
    alter: misshow('ai/jobs', 'aiJob', (row) => ({
      ...row,
      cost: { toFixed: () => String(Number(row.cost)) },
    })),
    expects: inJobs('/results/*/cost', 'precision'),
    ...jobs,
  },
  {
    name: 'a whole float is told as an integer',
    alter: missay('ai/jobs', /"temperature":(\d+)\.0(?=,)/g, '"temperature":$1'),
    expects: inJobs('/results/*/temperature', 'precision'),
    ...jobs,
  },
  {
    name: 'null is told as an empty text',
    alter: misshow('ai/jobs', 'aiJob', (row) => ({ ...row, completion: row.completion ?? '' })),
    expects: inJobs('/results/*/completion', 'type'),
    ...jobs,
  },
  {
    name: 'ids are told as texts',
    alter: missay('ai/jobs', /"user":(\d+)/g, '"user":"$1"'),
    expects: inJobs('/results/*/user', 'type'),
    ...jobs,
  },
  {
    name: 'only the caller’s own jobs are listed',
    alter: misquery('ai/jobs', (tx) =>
      changeCalls(tx, 'aiJob', {
        findMany: (args, call) => call({ ...args, where: { ...(args.where as object), userId: 1 } }),
      }),
    ),
    expects: inJobs('/results/*', 'missing'),
    ...jobs,
  },
  {
    name: 'the newest job is not there yet, as on a replica that lags',
    alter: misquery('ai/jobs', (tx) =>
      changeCalls(tx, 'aiJob', {
        findMany: (args, call) => call({ ...args, skip: 1 }),
      }),
    ),
    expects: inJobs('/results/*', 'missing'),
    ...jobs,
  },
  {
    name: 'a job that is not there is forbidden',
    alter: misanswer('ai/job', ({ status }) => (status === 404 ? { status: 403 } : {})),
    expects: inJob('status', 'value'),
    ask: (tenant) => [get(tenant, `${JOBS}99999/`)],
  },
  {
    name: 'a job’s end is told as its beginning',
    alter: misshow('ai/job', 'aiJob', (row) => ({ ...row, finishedAt: row.finishedAt && row.createdAt })),
    expects: inJob('/finished_at', 'value'),
    ask: (tenant, nr) => [get(tenant, `${JOBS}${1 + (nr % 30)}/`)],
  },
  {
    name: 'only the completion is charged',
    alter: miswrite('ai/complete', 'aiJob', 'update', (data) =>
      data.status === 'done' ? { ...data, cost: Number(data.completionTokens) / 10_000 } : data,
    ),
    expects: inAnswer('rows:ai_job/cost', 'value'),
    ...complete(),
  },
  {
    name: 'words are counted by single spaces',
    alter: miswrite('ai/complete', 'aiJob', 'create', (data) => ({
      ...data,
      promptTokens: String(data.prompt).split(' ').length,
    })),
    expects: inAnswer('/prompt_tokens', 'value'),
    ...complete(),
  },
  {
    name: 'the default model is another one',
    alter: miswrite('ai/complete', 'aiJob', 'create', (data) => ({ ...data, model: 'banyan-large' })),
    expects: inAnswer('rows:ai_job/model', 'value'),
    ...complete(),
  },
  {
    name: 'max_tokens is not passed on to the engine',
    alter: misread('ai/complete', (request) => {
      const { rehearsal } = request;
      if (!rehearsal) return request;
      const { ai } = rehearsal.effects;
      const greedy = {
        ...ai,
        complete: (...[ask, signal]: Parameters<typeof ai.complete>) =>
          ai.complete({ ...ask, maxTokens: 64 }, signal),
      };
      return { ...request, rehearsal: { ...rehearsal, effects: { ...rehearsal.effects, ai: greedy } } };
    }),
    expects: inAnswer('/completion', 'value'),
    ...complete({ max_tokens: 3 }),
  },
  {
    name: 'invalid fields are answered with 422',
    alter: misanswer('ai/complete', ({ status }) => (status === 400 ? { status: 422 } : {})),
    expects: inAnswer('status', 'value'),
    ...complete({ temperature: 3 }),
  },
  {
    name: 'the stream ends without [DONE]',
    alter: missay('ai/complete', /data: \[DONE\]\n\n/, ''),
    expects: inAnswer('/*', 'missing'),
    ...stream,
  },
  {
    name: 'words of the stream come without the spaces between them',
    alter: missay('ai/complete', /("delta":"[^"]*?) "/g, '$1"'),
    expects: inAnswer('/*/data/delta', 'value'),
    ...stream,
  },
  {
    name: 'the stream may be cached',
    alter: misanswer('ai/complete', ({ headers }) => ({
      headers: changeHeader(headers, 'cache-control', () => undefined),
    })),
    expects: inAnswer('header:cache-control', 'missing'),
    ...stream,
  },
  {
    name: 'a job is never marked as done after its stream',
    alter: misquery('ai/complete', (tx) =>
      changeCalls(tx, 'aiJob', {
        update: (args, call) => call({ ...args, data: { ...(args.data as object), status: 'running' } }),
      }),
    ),
    expects: inAnswer('rows:ai_job/status', 'value'),
    ...stream,
  },
];
