import { describe, expect, test } from 'vitest'
import { configuration, tryCases } from '../../support/policy-tests.ts'

/** A file with one case that differs as told. */
const file = (lines: string, before = ''): string => `${before}cases:\n  - name: it\n    request: GET /\n    ${lines}\n`
const good = 'expect: { status: 200 }'

describe('what is wrong with a file of cases is told with its place, and no case is run', () => {
  test.each([
    ['an unknown key', `case: []\n${file(good)}`, '1:1: case: unknown key "case"; did you mean "cases"?'],
    ['of a case', file(`tokn: none\n    ${good}`), '4:5: cases[0].tokn: unknown key "tokn"; did you mean "token"?'],
    [
      'of a token',
      file(`token: { scope: [a] }\n    ${good}`),
      '4:14: cases[0].token.scope: unknown key "scope"; did you mean "scopes"?',
    ],
    [
      'of a proof',
      file(`proof: { hmt: GET }\n    ${good}`),
      '4:14: cases[0].proof.hmt: unknown key "hmt"; did you mean "htm"?',
    ],
    [
      'of what is expected',
      file('expect: { stats: 200 }'),
      '4:15: cases[0].expect.stats: unknown key "stats"; did you mean "status"?',
    ],
    [
      'of a step',
      file('steps: [{ waiting: 3s, expect: { status: 200 } }]'),
      '4:15: cases[0].steps[0].waiting: unknown key "waiting"; known are consents, client, certificate, token, proof, request, wait, expect',
    ],
    [
      'of a client',
      file(good, 'clients: { tpp: { ids: x } }\n'),
      '1:19: clients.tpp.ids: unknown key "ids"; did you mean "id"?',
    ],
    ['no cases', 'cases: []\n', '1:1: cases: expected a list of at least 1 item, found an empty list'],
    ['nothing', '', '1:1: expected a map, found nothing'],
    [
      'a case that cannot fail',
      file('expect: { route: api }'),
      '4:5: cases[0].expect: expected status or reason, without which no case can fail, found a map',
    ],
    [
      'no expectation',
      file('token: none'),
      '2:5: cases[0]: expected either expect, or steps with an expect each, found a map',
    ],
    [
      'both',
      file(`${good}\n    steps: [{ ${good} }]`),
      '2:5: cases[0]: expected either expect, or steps with an expect each, found a map',
    ],
    [
      'a case that cannot pass',
      file('expect: { status: 200, reason: proof_expired }'),
      '4:15: cases[0].expect.status: proof_expired is answered 401, so this can never pass',
    ],
    [
      'nor this one',
      file('expect: { status: 403, reason: allowed }'),
      '4:15: cases[0].expect.status: allowed is answered 200, so this can never pass',
    ],
    [
      'a misspelled reason',
      file('expect: { reason: proof_replay }'),
      '4:15: cases[0].expect.reason: expected a known value, found "proof_replay"; did you mean "proof_replayed"?',
    ],
    [
      'an unknown route',
      file('expect: { status: 200, route: helth }'),
      '4:28: cases[0].expect.route: there is no route named "helth"; did you mean "health"?',
    ],
    [
      'an unknown client',
      file(`client: nobody\n    ${good}`),
      '4:5: cases[0].client: there is no client named "nobody"; known are client',
    ],
    [
      'whose token',
      file(`token: { client: nobody }\n    ${good}`),
      '4:14: cases[0].token.client: there is no client named "nobody"; known are client',
    ],
    [
      'whose certificate',
      file(`certificate: nobody\n    ${good}`),
      '4:5: cases[0].certificate: there is no client named "nobody"; known are client, none, another',
    ],
    [
      'whose key',
      file(`proof: { key: nobody }\n    ${good}`),
      '4:14: cases[0].proof.key: there is no client named "nobody"; known are client, another',
    ],
    [
      'an unknown server',
      file(`token: { server: os }\n    ${good}`),
      '4:14: cases[0].token.server: there is no authorization server named "os"; did you mean "as"?',
    ],
    [
      'a client named like a word',
      file(good, 'clients: { none: {} }\n'),
      '1:12: clients.none: "none" means something else here; take another name',
    ],
    [
      'nothing to take again',
      file(`proof: again\n    ${good}`),
      '4:5: cases[0].proof: there is no request before this one to take it from',
    ],
    [
      'in the first step',
      file('steps: [{ token: again, expect: { status: 200 } }]'),
      '4:15: cases[0].steps[0].token: there is no request before this one to take it from',
    ],
    [
      'no request',
      `cases: [{ name: it, ${good} }]\n`,
      '1:9: cases[0].request: request is required, here or on the case',
    ],
    [
      'in no step',
      `cases: [{ name: it, steps: [{ ${good} }] }]\n`,
      '1:29: cases[0].steps[0].request: request is required, here or on the case',
    ],
    [
      'a name twice',
      `${file(good)}  - { name: it, request: GET /, ${good} }\n`,
      '5:7: cases[1].name: the name "it" stands twice',
    ],
    [
      'no time',
      file(`at: later\n    ${good}`),
      '4:5: cases[0].at: expected a time from now with a unit, for example +65s or -5m, or an instant like 2026-11-25T10:00:00Z, found "later"',
    ],
    [
      'a day that does not exist',
      file(good, 'now: 2026-13-41T10:00:00Z\n'),
      '1:1: now: expected an instant like 2026-11-25T10:00:00Z, found "2026-13-41T10:00:00Z"',
    ],
    [
      'the thirtieth of February',
      file(`at: 2026-02-30T10:00:00Z\n    ${good}`),
      '4:5: cases[0].at: expected a time from now with a unit, for example +65s or -5m, or an instant like 2026-11-25T10:00:00Z, found "2026-02-30T10:00:00Z"',
    ],
    [
      'no duration',
      file(`token: { lifetime: 300 }\n    ${good}`),
      '4:14: cases[0].token.lifetime: expected a duration with a unit, for example 30s or 10m, found 300',
    ],
    [
      'no request line',
      `cases: [{ name: it, request: get accounts, ${good} }]\n`,
      '1:21: cases[0].request: expected GET /path, a URL, or a map with url, found "get accounts"',
    ],
    [
      'an http URL',
      `cases: [{ name: it, request: { url: http://x/ }, ${good} }]\n`,
      '1:32: cases[0].request.url: expected a path or an https URL, found "http://x/"',
    ],
    [
      'a status that is none',
      file('expect: { status: 99 }'),
      '4:15: cases[0].expect.status: expected at least 200, found 99',
    ],
    [
      'no header name',
      file('expect: { status: 200, headers: { "a b": x } }'),
      '4:39: cases[0].expect.headers.a b: expected a header name, found "a b"',
    ],
    ['two documents', `${file(good)}---\n${file(good)}`, '5:1: it holds more than one document'],
    [
      'broken YAML',
      `${file(good)}  - {`,
      '5:6: Flow map in block collection must be sufficiently indented and end with a }',
    ],
    ['a key twice', file(`${good}\n    ${good}`), '5:5: cases[0].expect: the key "expect" stands twice'],
  ])('%s', async (_, text, told) => {
    const { err, out, code } = await tryCases(text)
    expect({ err: err.split('\n')[0], out, code }).toEqual({ err: `cases.yaml:${told}`, out: '', code: 2 })
  })
  test('as JSON', async () => {
    const { out, err, code } = await tryCases(file('expect: {}'), { flags: ['--json'] })
    expect({ ...JSON.parse(out), err, code }).toMatchObject({
      ok: false,
      problems: [{ file: 'cases.yaml', line: 4, column: 5, key: 'cases[0].expect' }],
      err: '',
      code: 2,
    })
  })
  test('a problem of the configuration is told once, with its place', async () => {
    const config = { ...configuration, profil: 'x' }
    const { err, code } = await tryCases(file(good), { config })
    expect({ err, code }).toEqual({
      err: 'envoy-fapi.yaml:1:617: profil: unknown key "profil"; did you mean "profile"?\n1 problem, no case was run\n'.replace(
        '617',
        String(JSON.stringify(config).indexOf('"profil"') + 1),
      ),
      code: 2,
    })
  })
  test('a variable that is not set stands under `environment`', async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax of the configuration
    const config = { ...configuration, publicOrigins: ['${ORIGIN}'] }
    expect(await tryCases(file(good), { config })).toMatchObject({ code: 2, err: expect.stringContaining('ORIGIN') })
    const set = 'environment: { ORIGIN: https://api.bank.example }\n'
    expect(await tryCases(file(good, set), { config })).toMatchObject({ code: 0 })
    const environment = { ORIGIN: 'https://other.example' }
    expect(await tryCases(file(good, set), { config, environment })).toMatchObject({ code: 0 })
  })
  test('and so does a file of the machine it is for', async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax of the configuration
    const config = { ...configuration, publicOrigins: ['${file:/run/origin}'] }
    expect(await tryCases(file(good), { config })).toMatchObject({ code: 2 })
    const set = 'files: { /run/origin: "https://api.bank.example\\n" }\n'
    expect(await tryCases(file(good, set), { config })).toMatchObject({ code: 0 })
  })
})

describe('a hostile file is refused soon', () => {
  const many = (count: number): string =>
    Array.from({ length: count }, (_, index) => `- { name: n${index}, request: GET /, ${good} }\n`).join('')
  const bomb = [
    'a: &a [x, x, x, x, x, x, x, x, x, x]',
    ...'bcdefghij'
      .split('')
      .map(
        (name, index) => `${name}: &${name} [${Array.from({ length: 10 }, () => `*${'abcdefghi'[index]}`).join(', ')}]`,
      ),
  ]
  test.each([
    ['larger than 1 MiB', `# ${'x'.repeat(1_048_576)}\n`, /^cases\.yaml:1:1: it is larger than 1 MiB$/],
    [
      '10,001 cases',
      `cases:\n${many(10_001)}`,
      /^cases\.yaml:1:1: cases: expected a list of at most 10000 items, found a list$/,
    ],
    ['aliases that grow', `${bomb.join('\n')}\n`, /its aliases expand to too much$/],
    ['more than a hundred aliases', `a: &a 1\nb: [${'*a, '.repeat(101)}]\n`, /more than 100 aliases$/],
    ['nested without end', `a: ${'['.repeat(5000)}`, /nested too deeply|must be|sufficiently/],
    ['no UTF-8', Buffer.from('cases: \xff', 'latin1'), /it is not UTF-8$/],
    ['a binary', Buffer.from([0, 1, 2, 3, 0xfe, 0xff]), /^cases\.yaml:1:1: /],
    ['a key of prototypes', 'cases: []\n__proto__: { x: 1 }\n', /__proto__: this key is not taken$/],
    ['a tag', 'cases: !!js/function "x"\n', /means nothing here$/],
  ])('%s', async (_, text, told) => {
    const { err, out, code } = await tryCases(text)
    expect({ out, code }).toEqual({ out: '', code: 2 })
    expect(err.split('\n')[0]).toMatch(told)
  })
  test('a file that was cut anywhere is refused, or what is left of it runs', async () => {
    const whole = `clients: { tpp: {} }\n${file(`token: { scopes: ["a", "b"] }\n    ${good}`)}`
    for (let end = 0; end < whole.length; end += 3) {
      const { code, err } = await tryCases(whole.slice(0, end))
      expect([0, 1, 2], `${end}: ${err}`).toContain(code)
    }
  })
  test('a name cannot write lines of its own', async () => {
    const hostile = 'x\\n  ok    forged\\e[2K\\u202e'
    const text = file('expect: { status: 403 }').replace('name: it', `name: "${hostile}"`)
    const { out, code } = await tryCases(text)
    expect({ code, lines: out.split('\n').slice(1, 2) }).toEqual({
      code: 1,
      lines: ['  FAIL  x\\u{000a}  ok    forged\\u{001b}[2K\\u{202e} (cases.yaml:2:5)'],
    })
    const twice = `${text}  - { name: "${hostile}", request: GET /, ${good} }\n`
    expect((await tryCases(twice)).err).toMatch(
      /^cases\.yaml:5:7: cases\[1\]\.name: the name "x\\n[^\n]*\n1 problem, no case was run\n$/,
    )
    expect((await tryCases(file(`"${hostile}": 1\n    ${good}`))).err.split('\n').length).toBe(3)
  })
})
