import { posix } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { arriveAt, openRoom, outcomeOf, receiveAt } from './support.ts';
import { isFailure } from './words.ts';

const { admit } = openRoom();
afterAll(() => admit.close());

describe('a path with two readings is refused', () => {
  test.each([
    ['//'],
    ['/api//ai/'],
    ['//evil.example/a'],
    ['/./a'],
    ['/a/.'],
    ['/a/..'],
    ['/a/../b'],
    ['/...'],
    ['/a/..;/b'],
    ['/a.'],
    ['/a./b'],
    ['/a%20/b'],
    ['/a%20'],
    ['/%2e%2e/a'],
    ['/%2E/a'],
    ['/.%2e/a'],
    ['/a%2fb'],
    ['/a%2Fb'],
    ['/a%5cb'],
    ['/a\\b'],
    ['/\\evil.example'],
    ['/a%00'],
    ['/a%0d%0aX-Tenant-Id:%20globex'],
    ['/a%7f'],
    ['/a%c2%85b'],
    ['/%252e%252e/a'],
    ['/a%252fb'],
    ['/a%255cb'],
    ['/a%2500'],
    ['/a%25252fb'],
    ['/a%2541'],
    ['/a%25c0%25af'],
    ['/%c0%ae%c0%ae/'],
    ['/a%c0%afb'],
    ['/a%e0%80%afb'],
    ['/a%f0%80%80%afb'],
    ['/a%ed%a0%80'],
    ['/a%ff'],
    ['/a%c3'],
    ['/a%f4%90%80%80'],
    ['/%ef%bc%8e%ef%bc%8e/a'],
    ['/a%ef%bc%8fb'],
    ['/a%ef%bc%bcb'],
    ['/a%ef%bc%852fb'],
    ['/%e2%80%a5/a'],
    ['/%61pi/ai/'],
    ['/api/%7Euser'],
    ['/api/a%2Db'],
    ['/a;jsessionid=1'],
    ['/a;/b'],
    ['/a#b'],
    ['/a?b#c'],
    ['/a%'],
    ['/a%2'],
    ['/a%zz'],
    ['/a%u0041'],
    ['/a b'],
    ['/a"b'],
    ['/a<b'],
    ['/a`b'],
    ['/a{b}'],
    ['/a^b'],
    ['/caf\u00e9'],
    ['/\ud83c\udf33'],
    ['/a\u0000'],
    ['*'],
    [''],
    ['a/b'],
    ['evil.example/a'],
    ['ftp://acme.localhost:8080/a'],
    ['http:/a'],
  ])('%p', (url) => {
    expect(outcomeOf(admit, { url })).toBe('path_ambiguous');
  });
});

describe('a path with one reading goes on, byte for byte', () => {
  test.each([
    ['/'],
    ['/api/ai/completions/'],
    ['/API/Ai'],
    ['/a/'],
    ['/.well-known/acme'],
    ['/a.b/c..d'],
    ['/..a/...b'],
    ['/caf%C3%A9/'],
    ['/caf%c3%a9/'],
    ['/%F0%9F%8C%B3'],
    ['/100%25/'],
    ['/100%25%20off'],
    ['/100%2520off'],
    ['/a%20b'],
    ['/a+b'],
    ['/a%2Bb'],
    ['/user@example.com'],
    ['/user%40example.com'],
    ["/a!$&'()*,=:@~_-"],
    ['/report[1].pdf'],
    ['/a%3Bb'],
    ['/a%3Fb'],
    ['/a%23b'],
  ])('%p', (url) => {
    const arrival = arriveAt(admit, { url });

    expect(arrival.target).toBe(url);
    expect(arrival.path).toBe(url);
  });
});

describe('the query goes on byte for byte', () => {
  test.each([
    ['?'],
    ['?b=2&a=1&b=3'],
    ['?q=%2e%2e%2f&r=%C3%A9&s=%c3%a9&t=%'],
    ['?next=//evil.example/../a;b'],
    ['?a=b?c=d'],
    ['?{"a":[1,2]}|^`'],
  ])('%p', (query) => {
    const arrival = arriveAt(admit, { url: `/a${query}` });

    expect(arrival.target).toBe(`/a${query}`);
    expect(arrival.path).toBe('/a');
  });

  test.each([['?a\u0000'], ['?a\tb'], ['?a b'], ['?a\u007f'], ['?caf\u00e9'], ['?a\r\nb']])(
    'but not %p',
    (query) => {
      expect(outcomeOf(admit, { url: `/a${query}` })).toBe('request_malformed');
    },
  );
});

describe('the absolute form', () => {
  const headers = ['Host', 'acme.localhost:8080'];

  test.each([
    ['http://acme.localhost:8080/a?b=c', '/a?b=c'],
    ['HTTPS://ACME.localhost:8080/a', '/a'],
    ['http://acme.localhost:8080', '/'],
    ['http://acme.localhost:8080?b', '/?b'],
  ])('%s becomes %s where it names the same host', (url, target) => {
    expect(arriveAt(admit, { url, headers }).target).toBe(target);
  });

  test.each([
    ['http://globex.localhost:8080/a'],
    ['http://acme.localhost/a'],
    ['http://acme.localhost:8080@evil.example/a'],
    ['http://user@acme.localhost:8080/a'],
    ['http:///a'],
  ])('%s names another host than Host', (url) => {
    expect(outcomeOf(admit, { url, headers })).toBe('request_malformed');
  });

  test('its path is held to the same rules', () => {
    expect(outcomeOf(admit, { url: 'http://acme.localhost:8080//a', headers })).toBe('path_ambiguous');
    expect(outcomeOf(admit, { url: 'http://acme.localhost:8080\\a', headers })).toBe('request_malformed');
  });
});

test.each([['/.banyan/'], ['/.banyan'], ['/.banyan/session/'], ['/.BANYAN/session/'], ['/.Banyan/x?y']])(
  'the path %s is the gateway’s own',
  (url) => {
    expect(outcomeOf(admit, { method: 'POST', url })).toBe('path_reserved');
  },
);

test('a path that only looks like the gateway’s own goes on', () => {
  expect(outcomeOf(admit, { url: '/.banyan-tree/' })).toBe('arrived');
  expect(outcomeOf(admit, { url: '/a/.banyan/' })).toBe('arrived');
});

describe('of all paths that can be made up', () => {
  // A small generator of its own: the same paths in every run.
  const random = (seed: number) => () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
  const PIECES =
    '/ // . .. %2e %2F %5c \\ %25 %252e %25252f %c3%a9 %c0%af %EF%BC%8F %E2%80%A4 %00 %0a %20 %61 %3b ; # ? @ : + [ ] | ~ a Z 0 - _ api %zz % * é'.split(
      ' ',
    );

  test('those that arrive mean the same to every reader', () => {
    const next = random(42);
    let arrived = 0;
    for (let i = 0; i < 12_000; i++) {
      const length = 1 + Math.floor(next() * 6);
      const url = `/${Array.from({ length }, () => PIECES[Math.floor(next() * PIECES.length)]).join('')}`;
      const arrival = receiveAt(admit, { url });
      if (isFailure(arrival)) continue;
      arrived++;
      const { path } = arrival;
      const once = decodeURIComponent(path);
      const twice = once.replace(/(?:%[0-9a-f]{2})+/gi, (run) => decodeURIComponent(run));
      expect(new URL(`http://h${path}`).pathname).toBe(path);
      expect(posix.normalize(path)).toBe(path);
      for (const reading of [once, twice, twice.normalize('NFKC')]) {
        expect(posix.normalize(reading)).toBe(reading);
        expect(reading.split('/')).toHaveLength(path.split('/').length);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
        expect(reading).not.toMatch(/[\\\u0000-\u001f\u007f]|\.(?:\/|$)/);
      }
    }
    expect(arrived).toBeGreaterThan(500);
  });

  test('no reading of one that arrives is another one that arrives', () => {
    const next = random(7);
    for (let i = 0; i < 8_000; i++) {
      const length = 1 + Math.floor(next() * 6);
      const url = `/${Array.from({ length }, () => PIECES[Math.floor(next() * PIECES.length)]).join('')}`;
      const arrival = receiveAt(admit, { url });
      if (isFailure(arrival)) continue;
      const plain = arrival.path.replace(/%[0-9a-f]{2}/gi, (triplet) => {
        const sign = String.fromCharCode(Number.parseInt(triplet.slice(1), 16));
        return /[A-Za-z0-9\-._~/]/.test(sign) ? sign : triplet;
      });
      expect(plain).toBe(arrival.path);
    }
  });

  test('any name in any script arrives when it is escaped as a browser escapes it', () => {
    const next = random(3);
    for (let i = 0; i < 3_000; i++) {
      const name = Array.from({ length: 1 + Math.floor(next() * 8) }, () =>
        String.fromCodePoint(0x100 + Math.floor(next() * 0x1f00)),
      ).join('');
      if (!name.isWellFormed() || /[\u2024\u2025]/.test(name)) continue;
      expect(outcomeOf(admit, { url: `/files/${encodeURIComponent(name)}/` })).toBe('arrived');
    }
  });
});
