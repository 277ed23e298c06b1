import { expect, test } from '@jest/globals';
import type { Asked } from './product.contract.ts';

export function describeDashboard(side: Asked): void {
  test('the summary counts what the other features show', async () => {
    const { text, json } = await side.ask({
      target: '/api/dashboard/summary/',
      as: { tenant: 'globex', user: 1 },
    });
    const channels = (await side.ask({ target: '/api/chat/channels/', as: { tenant: 'globex', user: 1 } }))
      .json;
    const files = (await side.ask({ target: '/api/files/', as: { tenant: 'globex', user: 1 } })).json;
    const counts = (channels as readonly { id: number; name: string; message_count: number }[]).toSorted(
      (a, b) => b.message_count - a.message_count || a.id - b.id,
    );
    const sizes = (files as readonly { size: number }[]).map(({ size }) => size);
    expect(json).toMatchObject({
      tenant: 'globex',
      users: 5,
      chat: {
        channels: counts.length,
        messages: counts.reduce((sum, { message_count }) => sum + message_count, 0),
        busiest: { id: counts[0]?.id, name: counts[0]?.name, messages: counts[0]?.message_count },
      },
      files: { count: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) },
    });
    expect(text).toMatch(
      /^\{"tenant":"globex","users":5,"ai":\{"jobs":\d+,"tokens":\d+,"cost":"\d+\.\d{4}","by_status":\{"done":\d+/,
    );
    expect(text).toMatch(
      /"messages_per_day":\[(?:\{"day":"2026-01-\d\d","count":\d+\},?){7}\],"average_temperature":\d\.\d{1,4}\}$/,
    );
  });
}
