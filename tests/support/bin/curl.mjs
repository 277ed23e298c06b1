#!/usr/bin/env node
// Stands in for curl in the tour's test on machines that have none: the options that the README uses, and no other.
import { request } from 'node:http';

const [headers, flags, args] = [{}, new Set(), process.argv.slice(2)];
let [url, data] = ['', undefined];
while (args.length > 0) {
  const arg = args.shift();
  if (arg === '-H') {
    const [name, ...value] = args.shift().split(':');
    headers[name] = value.join(':').trim();
  } else if (arg === '-d') data = args.shift();
  else if (/^-[si]+$/.test(arg)) for (const flag of arg.slice(1)) flags.add(flag);
  else if (arg.startsWith('-')) throw new Error(`this curl does not know ${arg}`);
  else url = arg;
}
const req = request(
  url.startsWith('http') ? url : `http://${url}`,
  { method: data === undefined ? 'GET' : 'POST', headers },
  (res) => {
    if (flags.has('i')) {
      process.stdout.write(`HTTP/${res.httpVersion} ${res.statusCode} ${res.statusMessage}\r\n`);
      for (let i = 0; i < res.rawHeaders.length; i += 2)
        process.stdout.write(`${res.rawHeaders[i]}: ${res.rawHeaders[i + 1]}\r\n`);
      process.stdout.write('\r\n');
    }
    res.pipe(process.stdout);
  },
);
req.on('error', (error) => {
  process.stderr.write(`curl: ${error.message}\n`);
  process.exitCode = 7;
});
req.end(data);
