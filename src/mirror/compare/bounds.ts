/** How far a comparison goes before it says `too_complex` or `body_too_large`, or stops looking for the best alignment. */
export type CompareBounds = Readonly<{
  /** Levels of lists and objects in a JSON body. */
  depth: number;
  /** Values in a JSON body, events and tags. */
  nodes: number;
  /** Bytes of a body after its content coding was undone. */
  decodedBytes: number;
  /** Different differences that are told of one comparison. */
  differences: number;
  /** Steps spent on finding out which item of a list goes with which; then they go place by place. */
  steps: number;
  /** How far a side's clock may be off, in ms. */
  clockSlackMs: number;
}>;

export const DEFAULT_BOUNDS: CompareBounds = Object.freeze({
  depth: 64,
  nodes: 200_000,
  decodedBytes: 8 * 1024 * 1024,
  differences: 50,
  steps: 2_000_000,
  clockSlackMs: 1_000,
});

// Walks are recursive: a bound set higher than this would be the stack's affair.
const DEEPEST = 512;

export function chooseBounds(wish: Partial<CompareBounds> | undefined): CompareBounds {
  const bounds = { ...DEFAULT_BOUNDS, ...wish };
  return { ...bounds, depth: Math.min(bounds.depth, DEEPEST) };
}
