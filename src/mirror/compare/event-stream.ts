import { type JsonNode, listNode, objectNode, stringNode } from './json-node.ts';
import { type JsonBounds, type JsonRead, readJson } from './json-parser.ts';

/**
 * An event stream as a list of events {event, id, retry, data}, read as browsers do (https://html.spec.whatwg.org/multipage/server-sent-events.html):
 * comments are dropped, an event without its empty line was never sent. `data` is JSON where it is JSON, else text.
 */
export function readEvents(text: string, bounds: JsonBounds): JsonRead {
  const events: JsonNode[] = [];
  let event = startEvent();
  // Values of all events together stay within the bound of one document.
  let nodes = bounds.nodes;
  // What stands behind the last line break is no line yet.
  const lines = text
    .replace(/^\ufeff/, '')
    .split(/\r\n|\n|\r/)
    .slice(0, -1);
  for (const line of lines) {
    if (line !== '') addLine(event, line);
    else if (!isEmpty(event)) {
      const read = finishEvent(event, { depth: bounds.depth, nodes });
      if (read.kind !== 'json') return read;
      nodes -= read.nodes;
      if (nodes < 0) return { kind: 'too_complex' };
      events.push(read.node);
      event = startEvent();
    }
  }
  return { kind: 'json', node: listNode(events), nodes: bounds.nodes - nodes };
}

type Event = { fields: Map<string, string>; data: string[] };
const startEvent = (): Event => ({ fields: new Map(), data: [] });
const isEmpty = ({ fields, data }: Event) => fields.size === 0 && data.length === 0;

const FIELDS = new Set(['event', 'id', 'retry']);

function addLine(event: Event, line: string): void {
  const colon = line.indexOf(':');
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
  if (name === 'data') event.data.push(value);
  else if (FIELDS.has(name)) event.fields.set(name, value);
}

function finishEvent({ fields, data }: Event, bounds: JsonBounds): JsonRead {
  const shown = new Map<string, JsonNode>();
  // Without a name an event is a `message`.
  shown.set('event', stringNode(fields.get('event') || 'message'));
  for (const name of ['id', 'retry']) {
    const value = fields.get(name);
    if (value !== undefined) shown.set(name, stringNode(value));
  }
  if (data.length === 0) return { kind: 'json', node: objectNode(shown), nodes: 1 };
  const text = data.join('\n');
  const read = readJson(text, bounds);
  if (read.kind === 'too_complex') return read;
  shown.set('data', read.kind === 'json' ? read.node : stringNode(text));
  return { kind: 'json', node: objectNode(shown), nodes: 1 + (read.kind === 'json' ? read.nodes : 1) };
}
