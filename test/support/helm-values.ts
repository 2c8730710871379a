/** As Helm merges: objects member by member, everything else by replacement. */
export function mergeValues(under: unknown, over: unknown): unknown {
  if (!isPlain(under) || !isPlain(over)) return over
  return Object.fromEntries([
    ...Object.entries(under),
    ...Object.entries(over).map(([key, value]) => [key, mergeValues(under[key], value)]),
  ])
}

export const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
