import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { Asked } from './product.contract.ts';
import { filePart, uploadAsk } from './questions.ts';

const FIVE_MB = Buffer.from(Array.from({ length: 5 * 1024 * 1024 }, (_, i) => (i * 31 + (i >> 9)) & 0xff));
const CHUNK = 262_144;

type Shown = Readonly<{ id: number; name: string; content_type: string; size: number; sha256: string }>;

export function describeFiles(side: Asked): void {
  test('a file of 5 MB comes back as it went in, whole and in parts', async () => {
    const { status, json } = await side.ask(uploadAsk([filePart('five.bin', FIVE_MB, 'application/x-five')]));
    const file = json as Shown;
    const sha256 = createHash('sha256').update(FIVE_MB).digest('hex');
    expect([status, file]).toEqual([
      201,
      expect.objectContaining({
        owner: 1,
        name: 'five.bin',
        content_type: 'application/x-five',
        size: FIVE_MB.length,
        sha256,
      }),
    ]);
    const target = `/api/files/${file.id}/content/`;
    const whole = await side.ask({ target });
    expect(whole.body.equals(FIVE_MB)).toBe(true);
    expect(whole.headers).toMatchObject({
      etag: `"${sha256}"`,
      'accept-ranges': 'bytes',
      'content-length': String(FIVE_MB.length),
    });
    for (const [first, last] of [
      [0, 0],
      [CHUNK - 1, CHUNK],
      [3 * CHUNK - 5, 9 * CHUNK + 5],
      [FIVE_MB.length - 1, FIVE_MB.length - 1],
    ] as const) {
      const part = await side.ask({ target, headers: { range: `bytes=${first}-${last}` } });
      expect([part.status, part.headers['content-range']]).toEqual([
        206,
        `bytes ${first}-${last}/${FIVE_MB.length}`,
      ]);
      expect(part.body.equals(FIVE_MB.subarray(first, last + 1))).toBe(true);
    }
  });

  test('a range past the end is refused with the size, and nonsense means the whole', async () => {
    const target = '/api/files/6/content/';
    const past = await side.ask({ target, headers: { range: 'bytes=10-' } });
    expect([past.status, past.text, past.headers['content-range'], past.headers['content-type']]).toEqual([
      416,
      '',
      'bytes */10',
      undefined,
    ]);
    for (const range of ['bytes=3-1', 'bytes=0-1,4-5', 'lines=1-2', 'bytes=a-b']) {
      const { status, text } = await side.ask({ target, headers: { range } });
      expect([status, text]).toEqual([200, '0123456789']);
    }
  });

  test('a file that the caller has is not sent again', async () => {
    const target = '/api/files/6/content/';
    const { headers } = await side.ask({ target });
    const again = await side.ask({ target, headers: { 'if-none-match': `W/${headers.etag}` } });
    expect([again.status, again.text, again.headers['last-modified']]).toEqual([
      304,
      '',
      'Thu, 08 Jan 2026 00:00:00 GMT',
    ]);
  });

  test('file names are written so that no browser misreads them', async () => {
    const disposition = async (id: number) =>
      (await side.ask({ target: `/api/files/${id}/content/` })).headers['content-disposition'];
    expect(await disposition(6)).toBe(`attachment; filename*=utf-8''r%C3%A4ksm%C3%B6rg%C3%A5s%20%22x%22.txt`);
    expect(await disposition(7)).toBe(String.raw`attachment; filename="back\\slash \"q\".txt"`);
  });

  test('an upload that breaks off leaves nothing behind', async () => {
    const before = (await side.ask({ target: '/api/files/' })).text;
    const cut = await side.ask(uploadAsk([filePart('cut.bin', Buffer.alloc(900_000))], 'cut'));
    expect([cut.status, cut.text]).toEqual([
      400,
      '{"detail":"Multipart form parse error - Unexpected end of multipart data"}',
    ]);
    expect((await side.ask({ target: '/api/files/' })).text).toBe(before);
  });

  test('a deleted file is gone, with its contents, and only for its own tenant', async () => {
    const { json } = await side.ask(uploadAsk([filePart('short.txt', 'short')]));
    const { id } = json as Shown;
    const remove = (as?: object) =>
      side.ask({ method: 'DELETE', target: `/api/files/${id}/`, ...(as && { as }) });
    const foreign = await remove({ tenant: 'globex', user: 1 });
    expect([foreign.status, (await side.ask({ target: `/api/files/${id}/content/` })).text]).toEqual([
      404,
      'short',
    ]);
    const gone = await remove();
    expect([gone.status, gone.text, gone.headers.allow]).toEqual([204, '', 'DELETE, OPTIONS']);
    expect((await side.ask({ target: `/api/files/${id}/content/` })).status).toBe(404);
  });
}
