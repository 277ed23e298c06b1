// compare: two answers to one request → same, different, or why they could not be compared.
//
// Pure functions over hostile data: no I/O, no clock, bounded time. `compareExchanges` tells typed differences at paths as the vocabulary
// writes them; what it finds holds raw values, of which mask makes what may be kept. `differsWithItself` and `isNoise` tell what a side
// says differently each time. docs/comparing.md says what is compared, and how.

export { openBody, readBody } from './body.ts';
export { type CompareBounds, DEFAULT_BOUNDS } from './bounds.ts';
export { readCookies, type SetCookie } from './cookies.ts';
export { type Compared, compareExchanges, type ExchangePair } from './exchanges.ts';
export { type FoundDifference, type FoundValue, printFound, takeValue } from './found.ts';
export { groupIdOf, printTypes } from './group.ts';
export { COMPARED_HEADERS, NEVER_COMPARED, pickHeaders } from './header-list.ts';
export { isMap, type JsonNode, measureNode, printNode, stringNode } from './json-node.ts';
export { type JsonRead, readJson } from './json-parser.ts';
export { differsWithItself, isNoise } from './noise.ts';
export { ANY, COOKIE_ATTRIBUTES, looksLikeData, parsePath, printPath } from './path.ts';
export { compileRules, isClearAt, type RulesHere } from './rule-tree.ts';
