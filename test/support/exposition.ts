/** A metric as a scrape shows it. */
export interface Family {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: readonly Sample[]
}

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const HEAD = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (\S.*)$/
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(?:,|$)/y
const TYPES = ['counter', 'gauge', 'histogram', 'summary']

/**
 * Reads Prometheus's text format 0.0.4 as strictly as it can be read: help and type before the samples of each metric,
 * each once, no sample without them, none twice. Throws with the line that is wrong.
 */
export function readExposition(text: string): readonly Family[] {
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  const families = new Map<string, { name: string; type: string; help: string; samples: Sample[] }>()
  const seen = new Set<string>()
  let current: string | undefined
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const fail = (why: string): never => {
      throw new Error(`${why}: ${line}`)
    }
    const [, kind, name = '', rest = ''] = HEAD.exec(line) ?? []
    if (kind === 'HELP') {
      if (families.has(name)) fail('a metric for the second time')
      families.set(name, { name, type: '', help: rest, samples: [] })
      current = name
    } else if (kind === 'TYPE') {
      const family = families.get(name)
      if (!family || current !== name || family.type !== '' || !TYPES.includes(rest)) fail('no type of this metric')
      else family.type = rest
    } else {
      const family = families.get(current ?? '')
      const sample = readSample(line) ?? fail('no sample')
      if (!family || !belongs(sample.name, family)) fail('a sample of no metric')
      if (seen.has(line.slice(0, line.lastIndexOf(' ')))) fail('a sample for the second time')
      seen.add(line.slice(0, line.lastIndexOf(' ')))
      family?.samples.push(sample)
    }
  }
  return [...families.values()]
}

const belongs = (sample: string, { name, type }: { readonly name: string; readonly type: string }): boolean =>
  type === 'histogram' || type === 'summary'
    ? [`${name}_sum`, `${name}_count`, type === 'histogram' ? `${name}_bucket` : name].includes(sample)
    : type !== '' && sample === name

function readSample(line: string): Sample | undefined {
  const [, name, list = '', number = ''] = SAMPLE.exec(line) ?? []
  const value = /^[+-]?Inf$/.test(number) ? Number(number.replace('Inf', 'Infinity')) : Number(number)
  if (name === undefined || (Number.isNaN(value) && number !== 'NaN')) return undefined
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < list.length) {
    const [, label, text = ''] = LABEL.exec(list) ?? []
    if (label === undefined || Object.hasOwn(labels, label)) return undefined
    labels[label] = text
  }
  return { name, labels, value }
}
