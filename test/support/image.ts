import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isAbsolute, resolve } from 'node:path/posix'
import type { Instruction, Stage } from './dockerfile.ts'
import { runAsUser } from './packed.ts'

/** What a stage leaves behind. */
export interface Built {
  /** Directory that stands for `/`; what comes from the base image is not in it. */
  readonly root: string
  readonly user: { readonly uid: number; readonly gid: number } | undefined
  readonly environment: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly ports: readonly number[]
  readonly command: readonly string[]
}

/** Where Node is in the images that bring it. */
const NODE = '/usr/local/bin/node'

/** What `docker build` would be sent: only what .dockerignore lets through. */
export function copyContext(to: string): void {
  const [all, ...lines] = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const kept = lines.map((line) => /^!([\w.-]+)$/.exec(line)?.[1] ?? '')
  if (all !== '*' || kept.includes('')) throw new Error('.dockerignore is not a list of what is kept')
  for (const name of kept) cpSync(name, join(to, name), { recursive: true })
}

/** Performs the instructions of every stage in order. The last one is the image. */
export async function buildStages(stages: readonly Stage[], context: string, directory: string): Promise<Built> {
  const earlier = new Map<string, string>()
  let last: Built | undefined
  for (const [index, stage] of stages.entries()) {
    const root = join(directory, String(index))
    mkdirSync(root, { recursive: true })
    if (/\/node:/.test(stage.image)) place(process.execPath, join(root, NODE))
    last = await buildStage(stage, { root, context, earlier })
    if (stage.name !== undefined) earlier.set(stage.name, root)
  }
  if (!last) throw new Error('the Dockerfile has no stage')
  return last
}

interface Ground {
  readonly root: string
  readonly context: string
  readonly earlier: ReadonlyMap<string, string>
}

async function buildStage({ instructions }: Stage, ground: Ground): Promise<Built> {
  let at = '/'
  let user: Built['user']
  const [environment, labels]: [Record<string, string>, Record<string, string>] = [{}, {}]
  const ports: number[] = []
  let [entry, command]: [readonly string[], readonly string[]] = [[], []]
  for (const instruction of instructions)
    switch (instruction.kind) {
      case 'WORKDIR':
        at = instruction.path
        mkdirSync(join(ground.root, at), { recursive: true })
        break
      case 'COPY':
        copy(instruction, at, ground)
        break
      case 'RUN':
        await run(instruction.words, join(ground.root, at))
        break
      case 'USER':
        user = instruction
        break
      case 'ENV':
        Object.assign(environment, instruction.pairs)
        break
      case 'LABEL':
        Object.assign(labels, instruction.pairs)
        break
      case 'EXPOSE':
        ports.push(...instruction.ports)
        break
      case 'ENTRYPOINT':
        entry = instruction.words
        break
      case 'CMD':
        command = instruction.words
        break
    }
  return { root: ground.root, user, environment, labels, ports, command: [...entry, ...command] }
}

/** As Docker copies: of a directory its content, into a directory when the target ends with a slash. */
function copy({ from, sources, to }: Extract<Instruction, { kind: 'COPY' }>, at: string, ground: Ground): void {
  const base = from === undefined ? ground.context : ground.earlier.get(from)
  if (base === undefined) throw new Error(`there is no stage ${from}`)
  const target = isAbsolute(to) ? to : resolve(at, to)
  for (const source of sources) {
    const path = join(base, source)
    if (lstatSync(path).isDirectory())
      cpSync(path, join(ground.root, target), { recursive: true, verbatimSymlinks: true })
    else place(path, join(ground.root, to.endsWith('/') ? join(target, basename(source)) : target))
  }
}

function place(source: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true })
  copyFileSync(source, target)
}

async function run([program = '', ...words]: readonly string[], directory: string): Promise<void> {
  // npm comes with Node, find with every Debian.
  if (program !== 'npm' && program !== 'find') throw new Error(`${program} is not in the image of this stage`)
  const { code, err } = await runAsUser(program, words, directory)
  if (code !== 0) throw new Error(`${program} ${words.join(' ')}: ${err}`)
}

/** A file, directory or link of the image, with its path there. */
export interface Entry {
  readonly path: string
  readonly size: number
  readonly mode: number
  readonly uid: number
  readonly modified: number
  readonly isFile: boolean
}

/** Everything in a tree, in order. */
export const entriesOf = (root: string): readonly Entry[] =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((path) => {
      const stat = lstatSync(join(root, path))
      const { size, mode, uid, mtimeMs: modified } = stat
      return { path: `/${path}`, size, mode, uid, modified, isFile: stat.isFile() }
    })

/** Libraries that Node needs from the base image, as the dynamic linker finds them on this machine. */
export function librariesOf(binary: string): readonly string[] {
  const listed = execFileSync('ldd', [binary], { encoding: 'utf8' })
  return listed.split('\n').flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? [])
}

/** Puts those libraries where they are on this machine, in place of the base image. */
export function layBase(root: string): void {
  for (const library of librariesOf(join(root, NODE))) {
    if (existsSync(join(root, library))) continue
    place(library, join(root, library))
    chmodSync(join(root, library), 0o755)
  }
}
