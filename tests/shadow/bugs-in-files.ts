import { createHash } from 'node:crypto';
import { contentOf, FILES, get, remove, upload } from './asks.ts';
import { changeCalls, misanswer, mishead, misquery, misread, missay, misshow, miswrite } from './defect.ts';
import { changeText, expecting, type PlantedBug, readJson, shiftTime } from './planted-bug.ts';
import type { Seen } from './shot.ts';

type Kind = PlantedBug['expects']['kind'];
const inList = (path: string, kind: Kind) => expecting('files.list', path, kind);
const inContent = (path: string, kind: Kind) => expecting('files.content', path, kind);
const inUpload = (path: string, kind: Kind) => expecting('files.upload', path, kind);
const inDelete = (path: string, kind: Kind) => expecting('files.delete', path, kind);
const list = { ask: (tenant: string) => [get(tenant, FILES)] };
// The demo's second file is a small text/plain.
const download = (headers: Record<string, string> = {}) => ({
  ask: (tenant: string) => [get(tenant, contentOf(2), { headers })],
});
const send = (name: string, content: string | Buffer) => ({
  ask: (tenant: string) => [upload(tenant, name, content)],
});
const idOf = (seen: Seen | undefined) => readJson<{ id: number }>(seen).id;

export const BUGS_IN_FILES: readonly PlantedBug[] = [
  {
    name: 'the newest file comes first',
    alter: misquery('files/list', (tx) =>
      changeCalls(tx, 'filesFile', { findMany: (args, call) => call({ ...args, orderBy: { id: 'desc' } }) }),
    ),
    expects: inList('body', 'order'),
    ...list,
  },
  {
    name: 'sizes are told as texts, as drivers do with bigint',
    alter: missay('files/list', /"size":(\d+)/g, '"size":"$1"'),
    expects: inList('/*/size', 'type'),
    ...list,
  },
  {
    name: 'the entity tag is lost',
    alter: mishead('files/content', 'etag', () => undefined),
    expects: inContent('header:etag', 'missing'),
    ...download(),
  },
  {
    name: 'the file opens in the browser instead of being saved',
    alter: mishead('files/content', 'content-disposition', () => undefined),
    expects: inContent('header:content-disposition', 'missing'),
    ...download(),
  },
  {
    name: 'a file name keeps only its ASCII letters',
    alter: mishead('files/content', 'content-disposition', (value) => {
      const name = /^attachment; filename\*=utf-8''(.*)$/.exec(value)?.[1];
      return name === undefined
        ? value
        : `attachment; filename="${decodeURIComponent(name).replace(/[^\x20-\x7e]/g, '')}"`;
    }),
    expects: inContent('header:content-disposition', 'value'),
    ask: (tenant) => [
      upload(tenant, 'Übersicht.csv', 'a;b'),
      (seen) => get(tenant, contentOf(idOf(seen[0]))),
    ],
  },
  {
    name: 'ranges are ignored',
    alter: misread('files/content', (request) => {
      const { headers } = request.arrival;
      const kept = headers.filter((_, i) => headers[i - (i % 2)]?.toLowerCase() !== 'range');
      return { ...request, arrival: { ...request.arrival, headers: kept } };
    }),
    expects: inContent('status', 'value'),
    ...download({ range: 'bytes=0-9' }),
  },
  {
    name: 'the last byte of a range is not sent',
    alter: misanswer('files/content', ({ status, text }) =>
      status === 206 ? { text: text.slice(0, -1) } : {},
    ),
    expects: inContent('body', 'value'),
    ...download({ range: 'bytes=5-24' }),
  },
  {
    name: 'conditional requests are ignored',
    alter: misread('files/content', (request) => {
      const { headers } = request.arrival;
      const kept = headers.filter((_, i) => headers[i - (i % 2)]?.toLowerCase() !== 'if-none-match');
      return { ...request, arrival: { ...request.arrival, headers: kept } };
    }),
    expects: inContent('status', 'value'),
    ...download({ 'if-none-match': '*' }),
  },
  {
    name: 'the last modification is told in local time',
    alter: misshow('files/content', 'filesFile', changeText('createdAt', shiftTime)),
    expects: inContent('header:last-modified', 'value'),
    ...download(),
  },
  {
    name: 'texts are declared as latin 1',
    alter: mishead('files/content', 'content-type', (value) =>
      value.startsWith('text/') ? `${value}; charset=iso-8859-1` : value,
    ),
    expects: inContent('header:content-type', 'value'),
    ...download(),
  },
  {
    name: 'the hash is taken twice',
    alter: miswrite('files/upload', 'filesFile', 'update', (data) => ({
      ...data,
      sha256: createHash('sha256').update(String(data.sha256)).digest('hex'),
    })),
    expects: inUpload('rows:files_file/sha256', 'value'),
    ...send('plan.txt', 'hello'),
  },
  {
    name: 'file names are written in lower case',
    alter: miswrite(
      'files/upload',
      'filesFile',
      'create',
      changeText('name', (text) => text.toLowerCase()),
    ),
    expects: inUpload('rows:files_file/name', 'value'),
    ...send('README.TXT', 'hello'),
  },
  {
    name: 'contents go through a text, so that other bytes are lost',
    alter: miswrite('files/upload', 'filesChunk', 'create', (data) => ({
      ...data,
      data: new Uint8Array(Buffer.from(Buffer.from(data.data as Uint8Array).toString('utf8'))),
    })),
    expects: inUpload('rows:files_chunk/data', 'value'),
    ...send('logo.bin', Buffer.from([0x89, 0x50, 0xff, 0xfe, 0x00, 0x0a])),
  },
  {
    name: 'the size is that of the characters',
    alter: miswrite('files/upload', 'filesFile', 'update', (data) => ({
      ...data,
      size: Number(data.size) - 2,
    })),
    expects: inUpload('/size', 'value'),
    ...send('sizes.txt', 'räksmörgås'),
  },
  {
    name: 'a deleted file is only hidden',
    alter: misquery('files/delete', (tx) =>
      changeCalls(tx, 'filesFile', {
        deleteMany: ({ where }) => tx.filesFile.updateMany({ where: where as object, data: { size: -1 } }),
      }),
    ),
    expects: inDelete('rows:files_file', 'value'),
    ask: (tenant) => [upload(tenant, 'old.txt', 'old'), (seen) => remove(tenant, idOf(seen[0]))],
  },
  {
    name: 'a file that is not there is deleted, too',
    alter: misanswer('files/delete', ({ status }) => (status === 404 ? { status: 204, text: '' } : {})),
    expects: inDelete('status', 'value'),
    ask: (tenant) => [remove(tenant, 99_999)],
  },
];
