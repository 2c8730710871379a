/** One instruction of a Dockerfile, as far as ours uses the language. */
export type Instruction =
  | { readonly kind: 'RUN'; readonly words: readonly string[] }
  | {
      readonly kind: 'COPY'
      readonly from: string | undefined
      readonly sources: readonly string[]
      readonly to: string
    }
  | { readonly kind: 'WORKDIR'; readonly path: string }
  | { readonly kind: 'USER'; readonly uid: number; readonly gid: number }
  | { readonly kind: 'ENV' | 'LABEL'; readonly pairs: Readonly<Record<string, string>> }
  | { readonly kind: 'EXPOSE'; readonly ports: readonly number[] }
  | { readonly kind: 'ENTRYPOINT' | 'CMD'; readonly words: readonly string[] }

export interface Stage {
  readonly image: string
  readonly name: string | undefined
  readonly instructions: readonly Instruction[]
}

/** Reads the stages of a Dockerfile. An instruction, a form or an option that is not known here is an error, never left out. */
export function readDockerfile(text: string): readonly Stage[] {
  const lines = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
  const args = new Map<string, string>()
  const stages: { image: string; name: string | undefined; instructions: Instruction[] }[] = []
  for (const line of lines) {
    const [, kind = '', rest = ''] = /^([A-Z]+) (.+)$/.exec(line) ?? []
    const stage = stages.at(-1)
    if (kind === 'FROM') {
      const [, wanted = '', name] = match(line, rest, /^(\S+)(?: AS ([a-z]+))?$/)
      const image = wanted.replaceAll(/\$\{([A-Z_]+)\}/g, (_, arg: string) => known(args.get(arg), line))
      stages.push({ image, name, instructions: [] })
    } else if (kind === 'ARG' && !stage) {
      const [, name = '', value = ''] = match(line, rest, /^([A-Z_]+)=(\S+)$/)
      args.set(name, value)
    } else known(stage, line).instructions.push(readInstruction(line, kind, rest))
  }
  return stages
}

function readWords(line: string, rest: string): readonly string[] {
  const words: unknown = JSON.parse(match(line, rest, /^\[.*\]$/)[0])
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) throw notKnown(line)
  return words
}

function readInstruction(line: string, kind: string, rest: string): Instruction {
  switch (kind) {
    case 'RUN': {
      if (rest.startsWith('[')) return { kind, words: readWords(line, rest) }
      // No quotes, variables, pipes or redirections: what is run is these words.
      const [words = ''] = match(line, rest, /^[\w./=: -]+$/)
      return { kind, words: words.split(' ') }
    }
    case 'COPY': {
      const [, from, list = ''] = match(line, rest, /^(?:--from=([a-z]+) )?([\w./ -]+)$/)
      const sources = list.split(' ')
      const to = known(sources.pop(), line)
      if (sources.length === 0 || sources.some((source) => source.startsWith('-'))) throw notKnown(line)
      return { kind, from, sources, to }
    }
    case 'WORKDIR': {
      const [path = ''] = match(line, rest, /^\/[\w./-]+$/)
      return { kind, path }
    }
    case 'USER': {
      const [, uid, gid] = match(line, rest, /^([0-9]+):([0-9]+)$/)
      return { kind, uid: Number(uid), gid: Number(gid) }
    }
    case 'ENV':
    case 'LABEL': {
      const pairs = [...rest.matchAll(/([\w.]+)=(?:"([^"\\$]*)"|([\w./-]+))(?: +|$)/gy)]
      if (pairs.map(([whole]) => whole).join('') !== rest) throw notKnown(line)
      return { kind, pairs: Object.fromEntries(pairs.map(([, key, quoted, bare]) => [key, quoted ?? bare])) }
    }
    case 'EXPOSE': {
      const [ports = ''] = match(line, rest, /^[0-9]+(?: [0-9]+)*$/)
      return { kind, ports: ports.split(' ').map(Number) }
    }
    case 'ENTRYPOINT':
    case 'CMD':
      // The other form would need a shell.
      return { kind, words: readWords(line, rest) }
    default:
      throw notKnown(line)
  }
}

const notKnown = (line: string): Error => new Error(`this line of the Dockerfile is not understood: ${line}`)

function match(line: string, rest: string, form: RegExp): RegExpExecArray {
  const found = form.exec(rest)
  if (!found) throw notKnown(line)
  return found
}

function known<T>(value: T | undefined, line: string): T {
  if (value === undefined) throw notKnown(line)
  return value
}
