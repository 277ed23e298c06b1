import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * What heads that came on one connection have in common: those of one form have the same method and the same lines in the same order, and differ
 * in nothing but the target and the values of `BLANKS`. It is known by its identity, and gone with its connection.
 */
export type HeadForm = Readonly<{ method: string }>;

/** By these two requests of one client differ, where they ask in the same way. */
export const BLANKS = ['traceparent', 'tracestate', 'x-request-id'] as const;

/** What the corridor reads of a request. Node's own is one; so is a plain one, which has no body (`accept/plain-request.ts`). */
export type IncomingRequest = Readonly<
  Pick<
    IncomingMessage,
    | 'method'
    | 'url'
    | 'rawHeaders'
    | 'httpVersionMajor'
    | 'httpVersionMinor'
    | 'complete'
    | 'readableLength'
    | 'readableDidRead'
  > & {
    socket: Socket;
    /** Set where no body can come, whatever else is said. */
    isBodiless?: true;
    /** Set where the same client has asked in this form before. */
    form?: HeadForm | undefined;
    headers: Readonly<
      Pick<IncomingHttpHeaders, 'accept' | 'content-length' | 'expect' | 'transfer-encoding'>
    >;
  }
>;

/** What is asked of the answer on its way out, with the meaning that these names have in Node's `ServerResponse`. */
export interface OutgoingAnswer
  extends Pick<ServerResponse, 'getHeaderNames' | 'removeHeader' | 'flushHeaders'> {
  readonly req: IncomingRequest;
  readonly socket: Socket | null;
  readonly statusCode: number;
  readonly headersSent: boolean;
  readonly destroyed: boolean;
  readonly errored: Error | null;
  readonly writableFinished: boolean;
  readonly writableLength: number;
  /** False: this is the last answer of its connection. */
  shouldKeepAlive: boolean;
  /** `lines` is name and value in turn. */
  writeHead(status: number, phrase: string, lines: string[]): unknown;
  write(bytes: Buffer, written?: (error?: Error | null) => void): boolean;
  write(text: string, encoding: 'latin1'): boolean;
  end(): unknown;
  end(text: string | undefined, encoding: 'latin1' | 'utf8'): unknown;
  destroy(error?: Error): unknown;
  detachSocket(socket: Socket): void;
  once(event: 'close' | 'drain', listener: () => void): unknown;
  off(event: 'close' | 'drain', listener: () => void): unknown;
}
