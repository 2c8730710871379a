import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'
import { describe, expect, test } from 'vitest'
import { answers } from '../src/denial.ts'

/** Words every part may use. */
const vocabulary = /^src\/(denial|attributes|policy|ports|trace|wire|durations|interaction-id|problems)\.ts$/

/** What each folder may import from src/ besides the vocabulary. The order is the order a request meets them. */
const mayImport: Record<string, RegExp> = {
  src: /^src\/(?!io\/|cli\/|lint\/|main|operations|recording|service|generation|status|server)/,
  'src/policies': /^src\/(policies|verify)\/|^src\/challenge\.ts$/,
  'src/verify': /^src\/verify\//,
  'src/doctor': /^src\/(doctor|verify)\/|^src\/config\.ts$/,
  'src/io':
    /^src\/(anomalies|audit|doctor|io|mint|policies|verify)\/|^src\/(assertion|build|check|config|config-audit|config-checks|config-consents|config-files|config-log|config-outbound|config-revocation|config-schema|config-shadow|config-stores|config-tracing|metrics|redis-address|response|routes|zod-problems)\.ts$/,
  'src/lint': /^src\/lint\//,
  'src/explain': /^src\/(explain|verify)\/|^src\/(config|check)\.ts$/,
  'src/audit': /^src\/(audit|verify)\/|^src\/(check|trusted-proxies)\.ts$/,
  'src/anomalies': /^src\/(anomalies\/|(check|identity|trusted-proxies)\.ts$)/,
  'src/report': /^src\/(report\/|explain\/advice\.ts$|verify\/strict-json\.ts$)/,
  'src/trial':
    /^src\/(mint|trial|verify|policies)\/|^src\/io\/(replays|protos|yaml-file)\.ts$|^src\/(assertion|build|check|config|config-consents|config-policies|response|routes)\.ts$/,
  'src/mint': /^src\/(mint|verify)\//,
  'src/init': /^src\/(init\/|verify\/target-uri\.ts$|(path-template|shell-word)\.ts$)/,
  'src/cli': /^src\//,
}
const verifyMayImport = /^src\/(verify\/|(denial|trace|ports|attributes)\.ts$)/
const shell =
  /^src\/(io\/|cli\/|main\.ts|service\.ts|generation\.ts|memory\.ts|operations\.ts|recording\.ts|reload\.ts|status\.ts|server\.ts)/
const impure =
  /\b(Date\.now|new Date\(\)|Math\.random|performance\.now|setTimeout|setInterval|fetch\(|process\.|randomUUID|randomBytes)|from 'node:(fs|http|https|net|tls|dns|os|child_process)/

const files = globSync('src/**/*.ts').map((path) => ({ path, text: readFileSync(path, 'utf8') }))

test('the source tree is where this test looks for it', () => expect(files.length).toBeGreaterThan(30))

describe.each(files)('$path', ({ path, text }) => {
  const imports = [...text.matchAll(/from '(\.[^']+)'/g)].map(([, to = '']) => join(dirname(path), to))
  const composition = /^src\/(operations|service|recording|generation|memory|reload|status|main|server)\.ts$/.test(path)

  test('imports only what its folder may', () => {
    const allowed = (to: string): boolean =>
      path.startsWith('src/verify/')
        ? verifyMayImport.test(to)
        : vocabulary.test(to) || mayImport[dirname(path)]?.test(to) === true
    expect(composition ? [] : imports.filter((to) => !allowed(to))).toEqual([])
  })
  test('fits on a few screens', () => expect(text.split('\n').length).toBeLessThanOrEqual(251))
  test('has no default export and no re-export', () => {
    expect(text).not.toMatch(/^export (default|\*|\{[^}]*\} from)/m)
  })
  if (!shell.test(path)) test('touches no clock, network, disk or chance', () => expect(text).not.toMatch(impure))
  if (!path.startsWith('src/verify/')) test('seals no evidence', () => expect(text).not.toMatch(/\bas Verified/))
  test('never verifies with node-forge', () => {
    expect(text).not.toMatch(/forge\.(pki\.verify|rsa|ed25519)|\.verifyCertificateChain/)
  })
})

test('only the encoder writes an allow', () => {
  const writers = files.filter(({ text }) => /\bcode: 0\b/.test(text.replaceAll(/\/\*\*[\s\S]*?\*\//g, '')))
  expect(writers.map(({ path }) => path).sort()).toEqual(['src/response.ts', 'src/wire.ts'])
})

test('only the gate makes an admission', () => {
  expect(files.filter(({ text }) => /\bas Admission\b/.test(text)).map(({ path }) => path)).toEqual([
    'src/admission.ts',
  ])
})

test('no answer is written twice: only denial.ts names an HTTP status of a denial', () => {
  const writers = files.filter(({ text }) => /\bstatus: (4\d\d|5\d\d)\b/.test(text)).map(({ path }) => path)
  expect(writers.filter((path) => !path.startsWith('src/io/')).sort()).toEqual(['src/denial.ts'])
})

test('every deny reason is used', () => {
  const source = files
    .filter(({ path }) => path !== 'src/denial.ts')
    .map(({ text }) => text)
    .join('\n')
  expect(Object.keys(answers).filter((reason) => !source.includes(`'${reason}'`))).toEqual([])
})
