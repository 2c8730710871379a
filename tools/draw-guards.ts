// Draws guards of src/ by lot, so that nobody picks only those a test is known for. Prints them as entries for
// test/mutants.json, to which `test` and `expect` are added by hand. The seed stands there; another one draws others.
import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'

const DRAWN = 20

/** Where a request, a key, a configuration or a caller can be refused; the command line is left out. */
const guarded = [
  'src/verify/*.ts',
  'src/policies/*.ts',
  'src/io/{replays,keys,fetch,server-tls,socket}.ts',
  'src/{admission,attributes,guards,identity,interaction-id,path-template,pipeline}.ts',
  'src/{response,routes,server}.ts',
]

/** What a guard does when it strikes: it refuses, or it says that something does not hold. */
const REFUSAL =
  /^\s*(?:\{\s*)?(?:return (?:deny|unreadable|fault|missing|refuse|refused|refusals|false|undefined|denial|dotted|settled)\b|return ['"]|throw )/

interface Guard {
  readonly file: string
  readonly guard: string
  readonly replacement: string
}

function guardsOf(file: string): readonly Guard[] {
  const text = readFileSync(file, 'utf8')
  const found: Guard[] = []
  for (const { index } of text.matchAll(/\bif \(/g)) {
    const end = endOfCondition(text, index + 3)
    const consequence = text.slice(end)
    if (!REFUSAL.test(consequence)) continue
    const line = consequence.slice(0, consequence.indexOf('\n', /\S/.exec(consequence)?.index))
    const guard = text.slice(index, end) + line
    if (text.split(guard).length === 2) found.push({ file, guard, replacement: `if (false)${line}` })
  }
  return found
}

/** Behind the parenthesis that closes the one at `start`. Literals of this code hold only pairs of them. */
function endOfCondition(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === '(') depth += 1
    if (text[at] === ')') depth -= 1
    if (depth === 0) return at + 1
  }
  return text.length
}

const { seed }: { readonly seed: string } = JSON.parse(readFileSync('test/mutants.json', 'utf8'))
const files = guarded.flatMap((pattern) => globSync(pattern)).map((file) => relative('.', resolve(file)))
const guards = files.toSorted().flatMap(guardsOf)
/** Each guard has a lot of its own, so a change elsewhere does not change which ones are drawn here. */
const lot = ({ file, guard }: Guard): string => createHash('sha256').update(`${seed} ${file} ${guard}`).digest('hex')
const drawn = guards.toSorted((a, b) => (lot(a) < lot(b) ? -1 : 1)).slice(0, DRAWN)
process.stdout.write(`${JSON.stringify(drawn, undefined, 2)}\n`)
process.stderr.write(`${drawn.length} of ${guards.length} guards\n`)
