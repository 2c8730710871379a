/** One part of an alternative: a text it matches, and whether it may come again without end. */
interface Part {
  readonly sample: string
  readonly endless: boolean
  /** What stands inside when it is a group. */
  readonly inside: readonly (readonly Part[])[]
}

/** A place where an expression can go round: a text that leads there, and the texts of which each takes it round once. */
export interface Loop {
  readonly before: string
  readonly rounds: readonly string[]
}

/** The loops of an expression, those inside of others too. */
export function loopsOf(source: string): readonly Loop[] {
  const { alternatives } = readAlternatives(source, 0)
  return alternatives.flatMap((parts) => loopsIn(parts, ''))
}

function loopsIn(parts: readonly Part[], start: string): readonly Loop[] {
  let before = start
  return parts.flatMap(({ sample, endless, inside }) => {
    const rounds = inside.length === 0 ? [sample] : inside.map((one) => one.map((part) => part.sample).join(''))
    const own = endless ? [{ before, rounds: rounds.filter((round) => round !== '') }] : []
    const inner = inside.flatMap((one) => loopsIn(one, before))
    before += sample
    return [...own.filter((loop) => loop.rounds.length > 0), ...inner]
  })
}

function readAlternatives(source: string, from: number) {
  const alternatives: Part[][] = [[]]
  let at = from
  while (at < source.length && source[at] !== ')') {
    if (source[at] === '|') {
      alternatives.push([])
      at += 1
      continue
    }
    const part = readPart(source, at)
    alternatives.at(-1)?.push(part)
    at = part.end
  }
  return { alternatives, end: at }
}

const GROUP = /\((?:\?(?:<(?![=!])\w+>|<?[=!]|:))?/y
const QUANTIFIER = /[*+?]|\{\d+(?:,\d*)?\}/y
const CLASS = /\[(?:\\.|[^\]\\])*\]/y
const ESCAPE = /\\(?:x[0-9A-Fa-f]{2}|k<\w+>|.)/y
/** Characters to find one of that a class or an escape matches; letters and digits first. */
const CANDIDATES = ['a', '0', 'A', 'f', ...Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))]

function readPart(source: string, from: number): Part & { readonly end: number } {
  const group = sticky(GROUP, source, from)
  if (group !== '') {
    const { alternatives, end } = readAlternatives(source, from + group.length)
    const [shortest = ''] = alternatives.map((one) => one.map(({ sample }) => sample).join(''))
    return repeated(source, end + 1, /[=!]$/.test(group) ? '' : shortest, alternatives)
  }
  const atom = sticky(CLASS, source, from) || sticky(ESCAPE, source, from) || source.charAt(from)
  return repeated(source, from + atom.length, sampleOf(atom), [])
}

function sampleOf(atom: string): string {
  if (atom === '^' || atom === '$' || /^\\[bB]$/.test(atom)) return ''
  if (!/^[[\\.]/.test(atom)) return atom
  const one = new RegExp(`^${atom}$`, atom.includes('\\u{') ? 'u' : '')
  return CANDIDATES.find((candidate) => one.test(candidate)) ?? ''
}

function repeated(source: string, from: number, sample: string, inside: Part['inside']) {
  const quantifier = sticky(QUANTIFIER, source, from)
  const lazy = quantifier !== '' && source[from + quantifier.length] === '?' ? 1 : 0
  const least = /^\{(\d+)/.exec(quantifier)?.[1] ?? (quantifier === '*' || quantifier === '?' ? 0 : 1)
  const most = /,(\d+)\}$/.exec(quantifier)?.[1]
  return {
    // A part that may be left out is there once: it can be what leads on.
    sample: sample.repeat(Math.max(1, Number(least))),
    // What may come a hundred times and more is as good as endless.
    endless: /^(?:[*+]|\{\d+,\})$/.test(quantifier) || Number(most ?? 0) >= 100,
    inside,
    end: from + quantifier.length + lazy,
  }
}

function sticky(expression: RegExp, text: string, at: number): string {
  expression.lastIndex = at
  return expression.exec(text)?.[0] ?? ''
}
