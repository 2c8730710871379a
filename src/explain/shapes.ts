import type { z } from 'zod'

/** The first thing that is wrong with the members of a captured request, with its place and without its value. */
export function describeShape(error: z.ZodError, base: readonly (string | number)[]): string {
  const [issue] = error.issues
  if (!issue) return 'it has another form'
  const path = [...base, ...issue.path.map((key) => (typeof key === 'number' ? key : String(key)))]
  const place = path.map((key, at) => (typeof key === 'number' ? `[${key}]` : at === 0 ? key : `.${key}`)).join('')
  return `${place.slice(0, 200)}: ${issue.message.replace(/^Invalid input: /, '')}`
}
