import { afterEach, describe, expect, test } from '@jest/globals';
import { printMistake, readTable } from '../../../src/decide/index.ts';
import { type Bench, openBench } from './support.ts';

type Row = Readonly<{ id: string; method?: string; path: string; over?: string }>;

function table(...rows: readonly Row[]): string {
  const routes = rows.map(
    ({ id, method = 'GET', path, over }) =>
      `  - { id: ${id}, match: { method: ${method}, path: "${path}"${over ? `, over: ${over}` : ''} } }\n`,
  );
  return `version: 1\nroutes:\n${routes.join('')}`;
}

function mistakesOf(...rows: readonly Row[]): readonly string[] {
  const result = readTable(table(...rows));
  return result.kind === 'table' ? [] : result.mistakes.map((mistake) => printMistake('t', mistake));
}

describe('two routes for one request are refused, with both named', () => {
  test('the same path twice', () => {
    expect(mistakesOf({ id: 'a', path: '/x/:id/' }, { id: 'b', path: '/x/:name/' })).toEqual([
      't:4:42: expected at most one route for a request, but b and a both match GET requests to the same path: remove one of them',
    ]);
  });

  test('a narrower path, wherever it stands, unless it says that it goes first', () => {
    const wide = { id: 'users.one', path: '/users/:id/' };
    const narrow = { id: 'users.me', path: '/users/me/' };
    const offer = 'users.one also matches the paths of users.me: if that is meant, write over: [users.one]';
    expect(mistakesOf(wide, narrow).join()).toContain(offer);
    expect(mistakesOf(narrow, wide).join()).toContain(offer);
    expect(mistakesOf({ ...narrow, over: '[users.one]' }, wide)).toEqual([]);
  });

  test('paths that cross, for which no order could be said', () => {
    expect(mistakesOf({ id: 'a', path: '/x/:id/y/' }, { id: 'b', path: '/x/z/:id/' }).join()).toContain(
      'neither is narrower',
    );
  });

  test('a HEAD beside the GET that answers it already', () => {
    expect(mistakesOf({ id: 'a', path: '/x/' }, { id: 'b', method: 'HEAD', path: '/x/' }).join()).toContain(
      'b and a both match HEAD requests',
    );
  });

  test('while other methods, lengths, literals and a missing slash are no overlap', () => {
    const rows = [
      { id: 'a', path: '/x/:id/' },
      { id: 'b', method: 'POST', path: '/x/:id/' },
      { id: 'c', path: '/x/:id/y/' },
      { id: 'd', path: '/x/:id' },
      { id: 'e', path: '/y/:id/' },
    ];
    expect(mistakesOf(...rows)).toEqual([]);
  });

  test('an over that names nobody, or somebody who is no rival, is refused', () => {
    const wide = { id: 'users.one', path: '/users/:id/' };
    expect(mistakesOf(wide, { id: 'users.me', path: '/users/me/', over: '[user.one]' }).join()).toContain(
      'found "user.one" (did you mean "users.one"?)',
    );
    expect(mistakesOf(wide, { id: 'b', path: '/other/', over: '[users.one]' }).join()).toContain(
      'which does not',
    );
  });
});

describe('a request finds its route', () => {
  let bench: Bench;
  afterEach(() => bench.close());
  const open = async () => {
    bench = await openBench(
      table(
        { id: 'root', path: '/' },
        { id: 'jobs', path: '/api/jobs/' },
        { id: 'job', path: '/api/jobs/:id/' },
        { id: 'job.first', path: '/api/jobs/first/', over: '[job]' },
        { id: 'job.note', method: '[PUT, PATCH]', path: '/api/jobs/:id/notes/:note/' },
        { id: 'cafe', path: '/caf%C3%A9/:id/' },
        { id: 'odd', path: '/a.b-c~d/:fromTo/' },
      ),
    );
  };
  const find = (method: string, path: string) => {
    const { row, paramsOf } = bench.decide.match(bench.decide.pin(), method, path);
    return row ? [row.id, { ...paramsOf(path) }] : undefined;
  };

  test('by method and path, with what its parameters matched', async () => {
    await open();
    expect(find('GET', '/')).toEqual(['root', {}]);
    expect(find('GET', '/api/jobs/7/')).toEqual(['job', { id: '7' }]);
    expect(find('PATCH', '/api/jobs/7/notes/x-1/')).toEqual(['job.note', { id: '7', note: 'x-1' }]);
    expect(find('GET', '/a.b-c~d/1/')).toEqual(['odd', { fromTo: '1' }]);
  });

  test('a literal that says so goes before a parameter', async () => {
    await open();
    expect(find('GET', '/api/jobs/first/')).toEqual(['job.first', {}]);
    expect(find('GET', '/api/jobs/firs/')).toEqual(['job', { id: 'firs' }]);
  });

  test('HEAD goes where GET goes, and no other method does', async () => {
    await open();
    expect(find('HEAD', '/api/jobs/')).toEqual(['jobs', {}]);
    for (const method of ['POST', 'OPTIONS', 'get', 'PROPFIND', '__proto__', 'constructor', ''])
      expect(find(method, '/api/jobs/')).toBeUndefined();
  });

  test('case, the trailing slash and the number of segments count', async () => {
    await open();
    for (const path of [
      '/api/jobs',
      '/API/jobs/',
      '/api/jobs/7',
      '/api/jobs/7/8/',
      '/api/jobs//',
      '//',
      '',
      'api/jobs/',
    ])
      expect(find('GET', path)).toBeUndefined();
  });

  test('escapes are compared as they stand, and parameters are not decoded', async () => {
    await open();
    expect(find('GET', '/caf%C3%A9/%20%C3%A9/')).toEqual(['cafe', { id: '%20%C3%A9' }]);
    for (const path of ['/café/1/', '/caf%c3%a9/1/', '/api%2Fjobs/', '/%61pi/jobs/', '/api/jobs%2F'])
      expect(find('GET', path)).toBeUndefined();
  });

  test('hostile paths match what they may, and break nothing', async () => {
    await open();
    const long = 'x'.repeat(16_000);
    expect(find('GET', `/api/jobs/${long}/`)).toEqual(['job', { id: long }]);
    expect(find('GET', '/api/jobs/__proto__/')).toEqual(['job', { id: '__proto__' }]);
    expect(find('GET', '/api/jobs/%/')).toEqual(['job', { id: '%' }]);
    expect(find('GET', '/api/jobs/%E0%A4%A/')).toEqual(['job', { id: '%E0%A4%A' }]);
    for (const path of ['/api/jobs/?x', '/api/jobs/#x', '/__proto__/', `/${'a/'.repeat(8_000)}`])
      expect(find('GET', path)).toBeUndefined();
  });
});
