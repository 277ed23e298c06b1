import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { LegacyRefusal } from '../../../legacy-stub/index.ts';
import { readFaults } from '../../../legacy-stub/web/faults.ts';
import { openStub, type Stub } from './open-stub.ts';

let stub: Stub;
beforeAll(async () => {
  stub = await openStub(1, { dashboardMs: 300, lanes: 1 });
});
afterAll(() => stub.close());

const LOGIN = {
  headers: { 'Content-Type': 'application/json' },
  body: '{"username":"ada","password":"demo"}',
};

/** Which answers came first. */
async function raceOf(runners: Readonly<Record<string, () => Promise<unknown>>>): Promise<readonly string[]> {
  const order: string[] = [];
  await Promise.all(Object.entries(runners).map(([name, run]) => run().then(() => order.push(name))));
  return order;
}

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A login that begins while the dashboard is being made. */
function raceLogin(at: Stub) {
  return raceOf({
    dashboard: () => at.visit('GET', '/api/dashboard/summary/'),
    login: () => later(100).then(() => at.visit('POST', '/api/auth/login/', LOGIN)),
  });
}

describe('the lane', () => {
  test('lets a slow dashboard hold up a login that came after it', async () => {
    expect(await raceLogin(stub)).toEqual(['dashboard', 'login']);
  });

  test('leaves the health check alone', async () => {
    const order = await raceOf({
      dashboard: () => stub.visit('GET', '/api/dashboard/summary/'),
      health: () => later(60).then(() => stub.visit('GET', '/healthz', { tag: undefined })),
    });
    expect(order).toEqual(['health', 'dashboard']);
  });

  test('of width two lets the login pass', async () => {
    const wide = await openStub(1, { dashboardMs: 600, lanes: 2 });
    try {
      expect(await raceLogin(wide)).toEqual(['login', 'dashboard']);
    } finally {
      await wide.close();
    }
  });
});

describe('planted faults', () => {
  afterEach(() => stub.legacy.setFaults(''));
  const me = () => stub.visit('GET', '/api/auth/me/');

  test('slow an answer down without holding the lane', async () => {
    stub.legacy.setFaults('GET /api/ai/jobs/=slow:300');
    const order = await raceOf({
      jobs: () => stub.visit('GET', '/api/ai/jobs/'),
      me: () => later(50).then(me),
    });
    expect(order).toEqual(['me', 'jobs']);
  });

  test('hold the lane, so that whoever comes next waits', async () => {
    stub.legacy.setFaults('GET /api/ai/jobs/=hold:300');
    const order = await raceOf({
      jobs: () => stub.visit('GET', '/api/ai/jobs/'),
      me: () => later(50).then(me),
      clock: () => later(250),
    });
    expect(order[0]).toBe('clock');
    expect(order).toHaveLength(3);
  });

  test('fail with the status asked for, and write nothing', async () => {
    stub.legacy.setFaults('POST /api/chat/channels/:id/messages/=fail:500; GET /api/auth/*=fail:503');
    const before = await stub.visit('GET', '/api/chat/channels/1/messages/');
    const posted = await stub.visit('POST', '/api/chat/channels/1/messages/', {
      headers: LOGIN.headers,
      body: '{"body":"x"}',
    });
    expect([posted.status, posted.text.includes('Server Error (500)')]).toEqual([500, true]);
    expect((await me()).status).toBe(503);
    expect((await stub.visit('GET', '/api/chat/channels/1/messages/')).text.slice(-300)).toBe(
      before.text.slice(-300),
    );
  });

  test('cut an answer in the middle, with a length and without', async () => {
    stub.legacy.setFaults('* /api/*=cut');
    await expect(me()).rejects.toThrow(/aborted|hang up/);
    await expect(stub.visit('GET', '/api/chat/channels/')).rejects.toThrow(/aborted|hang up/);
  });

  test('drop the connection before a byte', async () => {
    stub.legacy.setFaults('GET /api/auth/me/=drop');
    await expect(me()).rejects.toThrow('socket hang up');
  });

  test('hang until the caller gives up, and only there', async () => {
    stub.legacy.setFaults('GET /api/auth/me/=hang');
    const winner = await Promise.race([me().catch(() => 'broken'), later(300).then(() => 'still waiting')]);
    expect(winner).toBe('still waiting');
    expect((await stub.visit('GET', '/api/ai/jobs/1/')).status).toBe(200);
  });

  test('strike as often as their probability says', async () => {
    stub.legacy.setFaults('GET /healthz=fail:500@0');
    expect((await stub.visit('GET', '/healthz', { tag: undefined })).status).toBe(200);
    const faults = readFaults('GET /x/=hang@0.25');
    const struck = Array.from({ length: 4000 }, () => faults.find('GET', '/x/')).filter(Boolean).length;
    expect(struck).toBeGreaterThan(800);
    expect(struck).toBeLessThan(1200);
  });

  test('that cannot be understood are refused with the place and an example', () => {
    for (const text of [
      'GET /x',
      'GET /x=slow',
      'GET /x=fail:200',
      'GET x=hang',
      'get /x=hang',
      '/x=hang',
      'GET /x=hang:5',
      'GET /x=explode',
    ]) {
      expect(() => readFaults(text)).toThrow(LegacyRefusal);
      expect(() => readFaults(text)).toThrow(
        `The fault "${text}" cannot be understood: LEGACY_FAULTS is a list such as`,
      );
    }
    expect(() => readFaults('GET /x=hang@2')).toThrow('has a probability above 1');
  });
});

test('a view that throws answers the 500 page, reports one line, and the next request is served', async () => {
  const broken = await openStub(1);
  try {
    const pg = await import('pg');
    const client = new pg.default.Client({ connectionString: broken.databaseUrl });
    await client.connect();
    await client.query('ALTER TABLE acme.ai_job RENAME TO ai_job_away');
    const answer = await broken.visit('GET', '/api/ai/jobs/');
    expect([answer.status, answer.text.includes('Server Error (500)')]).toEqual([500, true]);
    expect(broken.reports).toEqual([
      'Internal Server Error: /api/ai/jobs/: relation "ai_job" does not exist',
    ]);
    await client.query('ALTER TABLE acme.ai_job_away RENAME TO ai_job');
    await client.end();
    expect((await broken.visit('GET', '/api/ai/jobs/')).status).toBe(200);
  } finally {
    await broken.close();
  }
});
