import { execFileSync, spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { writePki } from '../../demo/pki.ts'
import { freePorts, type Ports } from '../../demo/ports.ts'
import { validateBootstrap } from '../../tools/bootstrap.ts'
import { findEnvoy } from '../../tools/envoy.ts'
import { init } from '../support/init.ts'
import { packTree, runAsUser, sharedDirectory, userPath } from '../support/packed.ts'

const envoy = findEnvoy(() => {})

describe('Envoy takes every bootstrap that is written', () => {
  test.each(['dpop', 'mtls', 'both'])('beside the service, %s', async (binding) => {
    const { folder, files } = await init(['--binding', binding])
    writePki(join(folder, 'pki'))
    // Envoy looks for relative names where it was started.
    const placed = join(folder, 'placed.yaml')
    writeFileSync(placed, String(files['envoy.yaml']).replaceAll('filename: ', `filename: ${folder}/pki/`))
    expect(validateBootstrap(envoy, placed)).toBeUndefined()
  })
  test.each(['dpop', 'mtls', 'both'])('in a pod, %s', async (binding) => {
    const { folder, files } = await init(['--for', 'sidecar', '--binding', binding])
    writePki(join(folder, 'pki'))
    const placed = join(folder, 'placed.yaml')
    writeFileSync(placed, String(files['envoy.yaml']).replaceAll('/etc/envoy-fapi/pki', `${folder}/pki`))
    expect(validateBootstrap(envoy, placed)).toBeUndefined()
  })
})

describe('from the tarball to a protected API, as the README says', () => {
  const { directory, remove } = sharedDirectory()
  const [folder, tools] = [join(directory, 'empty'), join(directory, 'tools')]
  const section = /^## Start your own\n([\s\S]*?)^## /m.exec(readFileSync('README.md', 'utf8'))?.[1] ?? ''
  const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block.trimEnd().split('\n'))
  const [[install = '', start = ''] = [], following = []] = blocks
  let packed: string

  beforeAll(() => {
    packed = packTree(join(directory, 'tree'))
    mkdirSync(folder)
    mkdirSync(tools)
    const binary = execFileSync('which', [envoy], { encoding: 'utf8' }).trim()
    symlinkSync(resolve(binary), join(tools, 'envoy'))
  })
  afterAll(remove)

  test('at most twelve commands: one to install, one to start, and those it prints', () => {
    expect(blocks.map((block) => block.length > 0)).toEqual([true, true])
    expect(blocks.flat().length).toBeLessThanOrEqual(12)
    expect(install).toMatch(/^npm install \S+\.tgz$/)
    expect(start).toMatch(/^npx envoy-fapi init /)
  })

  test('the commands run as they stand, and curl sees a 401 and a 200', async () => {
    const shell = (line: string) => runAsUser('bash', ['-c', line], folder)
    expect(await shell(install.replace(/\S+\.tgz$/, packed))).toMatchObject({ code: 0 })
    const started = await shell(start)
    expect(started).toMatchObject({ code: 0, err: '' })
    const printed = [...started.out.matchAll(/^ {2}(\S.*)$/gm)].map(([, command = '']) => command)
    expect(printed).toEqual(following)

    const ports = await freePorts()
    useOtherPorts(folder, ports)
    const ran = await runScript(following.map((command) => withPorts(command, ports)).join('\n'), folder, tools)
    expect(ran.answers).toEqual(['401', '200'])
    expect(ran.out).toMatch(/^fine: 2 routes, profile fapi2-security$/m)
    expect(ran.out).toMatch(/^www-authenticate: DPoP algs=/m)
  })
})

/** Other tests may listen where a newcomer's machine is free. */
const withPorts = (line: string, { edge, admin, check, metrics, upstream }: Ports): string =>
  line
    .replaceAll('8443', String(edge))
    .replaceAll('9901', String(admin))
    .replaceAll('9191', String(check))
    .replaceAll('9192', String(metrics))
    .replaceAll('8080', String(upstream))

function useOtherPorts(folder: string, ports: Ports): void {
  const bootstrap = join(folder, 'envoy.yaml')
  writeFileSync(bootstrap, withPorts(readFileSync(bootstrap, 'utf8'), ports))
  const listen = 'listen: { check: 127.0.0.1:9191, admin: 127.0.0.1:9192 }\n'
  appendFileSync(join(folder, 'envoy-fapi.yaml'), withPorts(listen, ports))
}

/** Runs the lines in one shell, then ends everything it has started. The statuses are those that curl has shown. */
async function runScript(script: string, cwd: string, tools: string) {
  const env = { ...process.env, PATH: `${tools}:${userPath}` }
  // A group of its own, because the parts stay behind when the shell ends.
  const child = spawn('bash', ['-c', script], { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  const end = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // Nothing of it is left.
    }
  }
  onTestFinished(end)
  // What stays behind writes into files, so this ends with the shell.
  const out = await text(child.stdout)
  return { out, answers: [...out.matchAll(/^HTTP\/[0-9.]+ ([0-9]{3})/gm)].map(([, status]) => status) }
}
