import type { Socket } from 'node:net';
import type { HeadForm, IncomingRequest } from '../vocabulary/index.ts';
import type { PlainHead } from './plain-head.ts';

/** A request that was read here and not by Node. It has no body, and none of the fields that speak of one. */
export class PlainRequest implements IncomingRequest {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: string[];
  readonly form: HeadForm | undefined;
  readonly httpVersionMajor = 1;
  readonly httpVersionMinor = 1;
  readonly complete = true;
  readonly isBodiless = true;
  readonly readableLength = 0;
  readonly readableDidRead = false;
  readonly socket: Socket;
  /** As it came. */
  readonly bytes: Buffer;

  constructor({ method, url, rawHeaders, form }: PlainHead, bytes: Buffer, socket: Socket) {
    this.method = method;
    this.url = url;
    this.rawHeaders = rawHeaders;
    this.form = form;
    this.bytes = bytes;
    this.socket = socket;
  }

  /** Put together when somebody asks, which few do. */
  get headers(): Readonly<{ accept?: string }> {
    const accepted: string[] = [];
    for (let i = 0; i + 1 < this.rawHeaders.length; i += 2)
      if (this.rawHeaders[i]?.toLowerCase() === 'accept') accepted.push(this.rawHeaders[i + 1] ?? '');
    return accepted.length > 0 ? { accept: accepted.join(', ') } : {};
  }
}
