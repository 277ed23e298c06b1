import type { IncomingMessage } from 'node:http';
import { type Failure, fail, type HeadForm } from '../vocabulary/index.ts';
import { type AskedName, Fields, type HeaderName, judgeName } from './header-name.ts';

/** What receive reads of a request: the head as it came, before Node joins, hides or repairs anything. */
export type RawRequest = Readonly<
  Pick<IncomingMessage, 'rawHeaders' | 'httpVersionMajor' | 'httpVersionMinor'> & {
    method?: string | undefined;
    url?: string | undefined;
    socket: Readonly<{ remoteAddress?: string | undefined; encrypted?: boolean | undefined }>;
    form?: HeadForm | undefined;
  }
>;

export type Head = Readonly<{
  /** Name and value in turn, as they came. */
  raw: readonly string[];
  /** What is known of each line's name, in the same order. */
  names: readonly HeaderName[];
  /** Every value of one field, in the order in which they came. */
  all(name: AskedName): readonly string[];
}>;

/**
 * Node cuts `rawHeaders` at `server.maxHeadersCount` but still frames by what it cut (faults row 11). A head that reaches the cap may
 * be a cut one, so reaching it is refused: right for any server with `maxHeadersCount` 0 (no cut) or from 200 upwards.
 */
export const HEADERS_CAP = 200;
const HEAD_BYTES = 16 * 1024;
const NONE: readonly string[] = [];
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;

export function readHead(rawHeaders: readonly string[]): Head | Failure {
  if (rawHeaders.length / 2 >= HEADERS_CAP) return fail('headers_too_large');
  const names: HeaderName[] = [];
  const fields = new Fields();
  let bytes = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const value = rawHeaders[i + 1] ?? '';
    bytes += name.length + value.length + 4;
    if (CONTROL.test(value))
      return fail('request_malformed', { detail: 'A header holds control characters.' });
    const judged = judgeName(name);
    names.push(judged);
    if (judged.asked !== undefined) fields.add(judged.asked, value);
  }
  if (bytes > HEAD_BYTES) return fail('headers_too_large');
  return { raw: rawHeaders, names, all: (name) => fields.of[name] };
}

/** The members of a comma-separated field, over all its lines, trimmed. */
export function readList(head: Head, name: AskedName): readonly string[] {
  const values = head.all(name);
  if (values.length === 0) return NONE;
  return values
    .flatMap((value) => value.split(','))
    .map((member) => member.trim())
    .filter((member) => member !== '');
}
