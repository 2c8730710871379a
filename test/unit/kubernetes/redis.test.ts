import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { stores } from '../../../src/config-stores.ts'
import { tryReplayStore } from '../../../src/io/doctor-redis.ts'
import { createAuthority, issue } from '../../../tools/pki.ts'
import { directoryWith } from '../../support/config-files.ts'
import { configurationOf, rendered, root } from '../../support/kubernetes.ts'
import { freshRedis } from '../../support/redis-replays.ts'

const PASSWORD = '0123456789abcdef0123456789abcdef'

/** `users.acl` as the commands of docs/kubernetes.md write it. */
function usersOf(password: string): string {
  const text = readFileSync(join(root, 'docs/kubernetes.md'), 'utf8')
  const [, lines = ''] = /<<ACL\n(.*?\n)ACL\n/s.exec(text) ?? []
  return lines.replace(/\$\(.*?\)(?= ~)/, createHash('sha256').update(password).digest('hex'))
}

/** `redis.conf` as arguments, with other paths; where it listens is the test's affair. */
const argumentsOf = (paths: (path: string) => string): readonly string[] =>
  readFileSync(join(root, 'k8s/components/redis/redis.conf'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !/^(?:#|port|tls-port|bind) ?/.test(line))
    .flatMap((line) => {
      const [name = '', ...values] = line.split(' ')
      return [`--${name}`, paths(values.join(' ').replaceAll('"', ''))]
    })

test('the Redis of k8s/components/redis starts, and takes the service as k8s/overlays/replicas configures it', async () => {
  const authority = createAuthority('test')
  const server = issue(authority, { name: 'redis', dns: ['envoy-fapi-redis', 'localhost'], ips: ['127.0.0.1'] })
  const directory = directoryWith({
    'tls/ca.crt': authority.certificate,
    'tls/tls.crt': server.certificate,
    'tls/tls.key': server.key,
    'acl/users.acl': usersOf(PASSWORD),
  })
  const user = { username: 'envoy-fapi', password: PASSWORD }
  const redis = await freshRedis({
    tls: true,
    args: argumentsOf((path) => path.replace('/etc/redis', directory)),
    admin: { ...user, tls: { ca: authority.certificate } },
  })

  const { stores: written } = parse(configurationOf(`${rendered}/kustomize-overlays-replicas.yaml`)) as {
    readonly stores: { readonly replay: object }
  }
  const replay = { ...written.replay, url: redis.url, tls: { ca: join(directory, 'tls/ca.crt') }, timeout: '100ms' }
  const examine = (more: object) => tryReplayStore({ stores: stores.parse({ replay: { ...replay, ...more } }) })

  const content = await examine({ password: PASSWORD })
  expect(content.map(({ severity, tried }) => `${severity} ${tried}`)).toEqual([
    'ok replay store',
    'ok replay store: maxmemory-policy',
    'ok clock of the replay store',
  ])
  const strangers = await Promise.all([
    examine({ password: 'another' }),
    examine({ username: undefined, password: undefined }),
  ])
  for (const [finding] of strangers)
    expect(finding).toMatchObject({ id: 'DR-16', found: expect.stringMatching(/^authentication: /) })
})
