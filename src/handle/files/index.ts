import { type Feature, routeByName } from '../view.ts';
import { sendContent } from './content.ts';
import { deleteFile } from './delete.ts';
import { listFiles } from './list.ts';
import { uploadFile } from './upload.ts';

const FILES = 'GET, POST, HEAD, OPTIONS';

/** Files whose contents are rows of 256 KiB, read and written one after the other. */
export function openFiles(wish: Readonly<{ largestBytes: number }>): Feature {
  return routeByName('files', {
    list: { allow: FILES, run: listFiles },
    upload: { allow: FILES, run: (exchange) => uploadFile(exchange, wish.largestBytes) },
    content: { allow: 'GET, HEAD, OPTIONS', run: sendContent },
    delete: { allow: 'DELETE, OPTIONS', run: deleteFile },
  });
}
