import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileTemplate, covers, matchTemplate, overlaps, type Template } from '../../src/path-template.ts'
import { canonicalPath } from '../../src/verify/target-uri.ts'

const literal = fc.constantFrom('a', 'b', 'A', 'a.b', '%C3%BC', '~', '..a', 'a%20b', '__proto__')
const segments = fc.array(fc.oneof(literal, fc.constant('{}')), { maxLength: 4 })
/** Templates an operator may write; parameters get names of their own. */
const template = fc.tuple(segments, fc.constantFrom('', '', '/', '/**')).map(([list, end]) => {
  const path = list.map((text, index) => `/${text === '{}' ? `{p${index}}` : text}`).join('')
  return path + end === '' ? '/' : path + end
})
const path = fc
  .tuple(fc.array(literal, { maxLength: 5 }), fc.constantFrom('', '/'))
  .map(([list, end]) => list.map((text) => `/${text}`).join('') + end || '/')

function compile(text: string): Template {
  const read = compileTemplate(text)
  if (!read.ok) throw new Error(`${text}: ${read.problem}`)
  return read.value
}

/** The rule as a regular expression: another way to say it. */
function expression(text: string): RegExp {
  const rest = text.endsWith('/**')
  const body = (rest ? text.slice(0, -3) : text.replace(/\/$/, ''))
    .replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&')
    .replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')
  return new RegExp(`^${body}${rest ? '(?:/.*)?' : '/?'}$`)
}

test('att-path-06 a template matches what its regular expression matches, with the same values', () => {
  fc.assert(
    fc.property(template, path, (text, requested) => {
      const found = matchTemplate(compile(text), requested)
      const expected = expression(text).exec(requested)
      expect([text, requested, found !== undefined]).toEqual([text, requested, expected !== null])
      if (found) expect(new Map(found)).toEqual(new Map(Object.entries(expected?.groups ?? {})))
    }),
    { numRuns: 5000 },
  )
})

test('any text is compiled or refused, and what is compiled is a canonical path', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom(...'/{}*a.%2F;\\') }),
    template,
  )
  fc.assert(
    fc.property(text, (written) => {
      const read = compileTemplate(written)
      if (!read.ok) return
      const filled = written.replaceAll(/\{\w+\}/g, 'x').replace(/\/\*\*$/, '/x')
      expect(canonicalPath(filled)).toEqual({ ok: true, value: filled })
      expect(matchTemplate(read.value, filled)).toBeDefined()
      expect(covers(read.value, read.value)).toBe(true)
    }),
    { numRuns: 5000 },
  )
})

test('any path is matched or not, without an exception, and never by a literal that is not it', () => {
  fc.assert(
    fc.property(
      template,
      fc.oneof(
        fc.string().map((any) => `/${any}`),
        path,
      ),
      (text, requested) => {
        const found = matchTemplate(compile(text), requested)
        if (found && !/[{*]/.test(text)) expect(withoutSlash(requested)).toBe(withoutSlash(text))
      },
    ),
    { numRuns: 2000 },
  )
})

/** One slash at the end makes no difference. */
const withoutSlash = (written: string): string => (written === '/' ? written : written.replace(/\/$/, ''))

/** Every canonical path of up to five segments of two names. */
const everyPath = (() => {
  const found = ['/']
  let last = ['']
  for (let depth = 0; depth < 5; depth += 1) {
    last = last.flatMap((front) => ['a', 'b'].map((name) => `${front}/${name}`))
    for (const one of last) found.push(one, `${one}/`)
  }
  return found
})()

test('a template covers another exactly when it takes all of its paths, and overlaps it when it takes some', () => {
  const small = fc.tuple(fc.array(fc.constantFrom('a', 'b', '{}'), { maxLength: 3 }), fc.constantFrom('', '/', '/**'))
  const one = small.map(([list, end]) => {
    const written = list.map((text, index) => `/${text === '{}' ? `{p${index}}` : text}`).join('') + end
    return written === '' ? '/' : written
  })
  fc.assert(
    fc.property(one, one, (first, second) => {
      const [earlier, later] = [compile(first), compile(second)]
      const taken = everyPath
        .filter((requested) => matchTemplate(later, requested))
        .every((requested) => matchTemplate(earlier, requested))
      expect([first, second, covers(earlier, later)]).toEqual([first, second, taken])
      const shared = everyPath.some((path) => matchTemplate(earlier, path) && matchTemplate(later, path))
      expect([first, second, overlaps(earlier, later)]).toEqual([first, second, shared])
    }),
    { numRuns: 1000 },
  )
})
