import { describe, expect, test } from 'vitest'
import { answered, flaws, verdict } from '../support/answers.ts'
import { overTheWire } from '../support/recordings.ts'
import { buildTestCheck, document, goodRequest, mintToken, type Order } from '../support/spine.ts'

const json = ['content-type', 'application/json'] as const

/** A payment that the user authorized, and a request for it. */
const payment = {
  type: 'payment_initiation',
  actions: ['initiate', 'status'],
  locations: ['https://api.example.com/payments'],
  datatypes: ['payments'],
  privileges: ['admin'],
  identifier: 'p-1',
  instructedAmount: { currency: 'EUR', amount: '123.50' },
  creditorAccount: { iban: 'DE02100100109307118603' },
}
const match = {
  '/instructedAmount/amount': { from: 'body:/amount', as: 'decimal' },
  '/instructedAmount/currency': 'body:/currency',
  '/creditorAccount/iban': 'body:/creditor/iban',
}
const sent = { amount: '123.50', currency: 'EUR', creditor: { iban: 'DE02100100109307118603' } }

interface Attempt extends Order {
  readonly options?: object
  readonly details?: unknown
  readonly route?: string
}

async function decided({ options = {}, route = '/payments', ...attempt }: Attempt) {
  const { details, ...order } = 'details' in attempt ? attempt : { ...attempt, details: [payment] }
  const rules = { type: 'payment_initiation', ...options }
  const changed = { ...document, routes: [{ path: route, authorizationDetails: rules }] }
  const { ask, records } = buildTestCheck({ document: changed })
  const token = mintToken({ claims: { authorization_details: details } })
  const response = overTheWire(
    await ask(goodRequest({ path: route, method: 'POST', headers: [json], token, ...order })),
  )
  expect(flaws(response)).toEqual([])
  return { response, entries: records[0]?.trace.entries ?? [] }
}
const reason = async (attempt: Attempt): Promise<string> => verdict((await decided(attempt)).response)

/** The reason for a request with this body, and details where that is not the payment. */
const paying = (body: unknown, more: Attempt = {}): Promise<string> =>
  reason({ options: { match }, body: typeof body === 'string' ? body : JSON.stringify(body), ...more })

describe('AZ-05 the details of the token', () => {
  test('one of the type is enough, whatever stands beside it', async () => {
    expect(await reason({})).toBe('allow')
    expect(await reason({ details: [{ type: 'unknown', actions: 7 }, payment] })).toBe('allow')
  })
  test.each([
    [undefined],
    [null],
    [{}],
    [payment],
    [[]],
    [[{ type: 'account_information' }]],
    [[{ ...payment, type: 'Payment_Initiation' }]],
    [[{ ...payment, type: undefined }]],
    [[{ ...payment, type: ['payment_initiation'] }]],
    [[[payment]]],
    [[payment, 'x']],
    [[payment, null]],
    [[payment, {}]],
    [[payment, { type: 7 }]],
    ['payment_initiation'],
    [JSON.stringify([payment])],
    [7],
    [true],
    [Array.from({ length: 65 }, () => ({ type: 'payment_initiation' }))],
  ])('not %j', async (details) => expect(await reason({ details })).toBe('details_insufficient'))
  test('the answer is 403 insufficient_scope without anything of the token', async () => {
    const { response } = await decided({ details: [{ type: 'secret-type' }] })
    expect(response).toMatchObject({ status: { code: 7 }, deniedResponse: { status: { code: 403 } } })
    expect(answered(response, 'www-authenticate')[0]).toContain('error="insufficient_scope"')
    expect(JSON.stringify(response)).not.toContain('secret-type')
  })
  test.each(['actions', 'locations', 'datatypes', 'privileges'] as const)('all of the %s', async (name) => {
    const [wanted = ''] = payment[name]
    expect(await reason({ options: { [name]: [wanted] } })).toBe('allow')
    expect(await reason({ options: { [name]: [wanted, 'other'] } })).toBe('details_insufficient')
    for (const odd of [
      wanted,
      [],
      [wanted.toUpperCase()],
      [`${wanted}x`],
      [[wanted]],
      [wanted, 7],
      { 0: wanted },
      null,
      undefined,
    ])
      expect(await reason({ options: { [name]: [wanted] }, details: [{ ...payment, [name]: odd }] })).toBe(
        'details_insufficient',
      )
  })
  test('one of the identifiers', async () => {
    expect(await reason({ options: { identifiers: ['p-1', 'p-2'] } })).toBe('allow')
    for (const identifier of ['p-3', 'P-1', '', ['p-1'], 7, undefined])
      expect(await reason({ options: { identifiers: ['p-1', 'p-2'] }, details: [{ ...payment, identifier }] })).toBe(
        'details_insufficient',
      )
  })
  test('two elements that each grant half of it grant nothing together', async () => {
    const halves = [
      { ...payment, actions: ['initiate'], privileges: [] },
      { ...payment, actions: [], privileges: ['admin'] },
    ]
    const options = { actions: ['initiate'], privileges: ['admin'] }
    expect(await reason({ options, details: halves })).toBe('details_insufficient')
    expect(await reason({ options, details: [...halves, payment] })).toBe('allow')
    const small = { ...payment, instructedAmount: { currency: 'EUR', amount: '1' } }
    const other = { ...payment, creditorAccount: { iban: 'FR1' } }
    expect(await paying(sent, { details: [small, other] })).toBe('details_mismatch')
    expect(await paying(sent, { details: [small, payment, other] })).toBe('allow')
  })
})

describe('AZ-06 fields of the body', () => {
  test.each<readonly [unknown, string]>([
    [sent, 'allow'],
    [{ ...sent, amount: '123.5' }, 'allow'],
    [{ ...sent, more: [1, { amount: 2 }] }, 'allow'],
    ['{"amount":123.50,"currency":"EUR","creditor":{"iban":"DE02100100109307118603"}}', 'allow'],
    [{ ...sent, amount: '123.51' }, 'details_mismatch'],
    [{ ...sent, amount: '1235.0' }, 'details_mismatch'],
    [{ ...sent, amount: '-123.50' }, 'details_mismatch'],
    [{ ...sent, amount: '123.500000000000000000000000000001' }, 'details_mismatch'],
    [{ ...sent, amount: '0123.50' }, 'details_mismatch'],
    [{ ...sent, amount: '+123.50' }, 'details_mismatch'],
    [{ ...sent, amount: '1.235e2' }, 'details_mismatch'],
    [{ ...sent, amount: '123,50' }, 'details_mismatch'],
    [{ ...sent, amount: ' 123.50' }, 'details_mismatch'],
    [{ ...sent, amount: ['123.50'] }, 'details_mismatch'],
    [{ ...sent, amount: { text: '123.50' } }, 'details_mismatch'],
    [{ ...sent, amount: null }, 'details_mismatch'],
    [{ ...sent, amount: undefined }, 'details_mismatch'],
    [{ ...sent, currency: 'eur' }, 'details_mismatch'],
    [{ ...sent, currency: 'USD' }, 'details_mismatch'],
    [{ ...sent, creditor: { iban: 'DE02100100109307118604' } }, 'details_mismatch'],
    [{ ...sent, creditor: 'DE02100100109307118603' }, 'details_mismatch'],
    [{ ...sent, creditor: [{ iban: 'DE02100100109307118603' }] }, 'details_mismatch'],
    [
      '{"amount":123.50000000000000000001,"currency":"EUR","creditor":{"iban":"DE02100100109307118603"}}',
      'details_mismatch',
    ],
    ['{"amount":12350e-2,"currency":"EUR","creditor":{"iban":"DE02100100109307118603"}}', 'details_mismatch'],
  ])('%j: %s', async (body, expected) => expect(await paying(body)).toBe(expected))
  test.each([
    ['a member twice', '{"amount":"123.50","amount":"9999","currency":"EUR"}'],
    ['a member twice, one escaped', '{"amount":"123.50","am\\u006funt":"9999","currency":"EUR"}'],
    ['a member in another case beside it', '{"amount":"123.50","Amount":"9999","currency":"EUR","creditor":{}}'],
    [
      'a member with a letter that folds to it',
      '{"amount":"123.50","currency":"EUR","\\u212aey":"1","creditor":{"iban":"DE1","\\u0130ban":"x","IBAN":"y"}}',
    ],
    ['a list', '[{"amount":"123.50"}]'],
    ['no JSON', 'amount=123.50'],
    ['half of it', '{"amount":"123.50"'],
    ['nested too deeply', `{"amount":${'['.repeat(40)}${']'.repeat(40)}}`],
    ['too many members', `{${Array.from({ length: 5000 }, (_, each) => `"m${each}":1`).join()}}`],
    ['more than 64 KiB', JSON.stringify({ ...sent, more: 'x'.repeat(70_000) })],
  ])('%s could be read in two ways or not at all', async (_, body) =>
    expect(await paying(body)).toBe('details_request_unusable'),
  )
  test.each<readonly [string, readonly (readonly [string, string])[], string]>([
    ['JSON with a character set', [['content-type', 'application/json; charset=utf-8']], 'allow'],
    ['another JSON', [['content-type', 'application/vnd.bank+json']], 'allow'],
    ['no type', [], 'details_request_unusable'],
    ['text', [['content-type', 'text/plain']], 'details_request_unusable'],
    ['another character set', [['content-type', 'application/json; charset=utf-7']], 'details_request_unusable'],
    ['two types', [['content-type', 'application/json,text/xml']], 'details_request_unusable'],
    ['compressed', [json, ['content-encoding', 'gzip']], 'details_request_unusable'],
  ])('%s: %s', async (_, headers, expected) => expect(await paying(sent, { headers })).toBe(expected))
  test('ENV-13 a body that is absent or not whole is refused, and the answer says which', async () => {
    expect(await reason({ options: { match } })).toBe('details_request_unusable')
    const { response } = await decided({ options: { match }, body: JSON.stringify(sent), partial: 'true' })
    expect(verdict(response)).toBe('details_body_truncated')
    expect(response).toMatchObject({ deniedResponse: { status: { code: 413 } } })
    expect(await reason({ body: '{"a"', partial: 'true' })).toBe('allow')
  })
  test('a fraction that the token has as a number is not compared: it has been through a float', async () => {
    const amounts = (amount: unknown) => ({ details: [{ ...payment, instructedAmount: { currency: 'EUR', amount } }] })
    expect(await paying(sent, amounts(123.5))).toBe('details_mismatch')
    expect(await paying({ ...sent, amount: 123 }, amounts(123))).toBe('allow')
    expect(await paying({ ...sent, amount: '9007199254740993' }, amounts(2 ** 53))).toBe('details_mismatch')
  })
  test('as text nothing but the very same text is the same', async () => {
    const options = { match: { '/instructedAmount/amount': 'body:/amount' } }
    expect(await reason({ options, body: '{"amount":"123.50"}' })).toBe('allow')
    for (const amount of ['"123.5"', '123.50', '"123.50 "', 'null', '[]'])
      expect(await reason({ options, body: `{"amount":${amount}}` })).toBe('details_mismatch')
  })
  test('what is no number on either side is not the same number', async () => {
    const details = [{ ...payment, instructedAmount: { amount: 'x' } }]
    const options = { match: { '/instructedAmount/amount': { from: 'body:/amount', as: 'decimal' } } }
    expect(await reason({ options, details, body: '{"amount":"x"}' })).toBe('details_mismatch')
  })
  test('a number has no members', async () => {
    const options = { match: { '/instructedAmount/amount': 'body:/amount/text' } }
    expect(await reason({ options, body: '{"amount":123.50}' })).toBe('details_mismatch')
    expect(await reason({ options, body: '{"amount":{"text":"123.50"}}' })).toBe('allow')
  })
  test('up to a limit, and not below nothing', async () => {
    const options = { match: { '/instructedAmount/amount': { from: 'body:/amount', as: 'atMost' } } }
    for (const amount of ['0', '123.50', '123.5', '123.499999'])
      expect(await reason({ options, body: `{"amount":"${amount}"}` })).toBe('allow')
    for (const amount of ['123.51', '-1', '1e1', 'x', ''])
      expect(await reason({ options, body: `{"amount":"${amount}"}` })).toBe('details_mismatch')
  })
})

describe('AZ-06 fields of path and query', () => {
  const path = { options: { match: { '/identifier': 'path:id' } }, route: '/payments/{id}', method: 'GET', headers: [] }
  const query = { options: { match: { '/identifier': 'query:payment' } }, method: 'GET', headers: [] }
  test.each([
    ['/payments/p-1', 'allow'],
    ['/payments/p-2', 'details_mismatch'],
    ['/payments/P-1', 'details_mismatch'],
  ])('%s: %s', async (asked, expected) => expect(await reason({ ...path, path: asked })).toBe(expected))
  test.each([
    ['?payment=p-1', 'allow'],
    ['?a=b&payment=p%2D1&c', 'allow'],
    ['', 'details_mismatch'],
    ['?payment=p-2', 'details_mismatch'],
    ['?payment', 'details_mismatch'],
    ['?Xpayment=p-1', 'details_mismatch'],
    ['?payment=p-1&payment=p-2', 'details_request_unusable'],
    ['?payment=p-1&payment=p-1', 'details_request_unusable'],
    ['?payment=p-1&Payment=p-2', 'details_request_unusable'],
    ['?payment=p-1&%70ayment=p-2', 'details_request_unusable'],
    ['?payment=p-1&payment[]=p-2', 'details_request_unusable'],
    ['?PAYMENT=p-1', 'details_request_unusable'],
    ['?payment=p-1;payment=p-2', 'details_request_unusable'],
    ['?payment=%ff', 'details_request_unusable'],
    [`?payment=p-1${'&a'.repeat(300)}`, 'details_request_unusable'],
  ])('%s: %s', async (asked, expected) => expect(await reason({ ...query, path: `/payments${asked}` })).toBe(expected))
})

test.each(['__proto__', 'constructor', 'toString'])('T-37 %s is a field like any other', async (name) => {
  const options = { match: { [`/${name}`]: `body:/${name}` } }
  expect(await reason({ options, body: '{}' })).toBe('details_mismatch')
  const details = [JSON.parse(`{"type":"payment_initiation","${name}":"x"}`)]
  expect(await reason({ options, details, body: `{"${name}":"x"}` })).toBe('allow')
  expect(await reason({ options, details, body: '{}' })).toBe('details_mismatch')
})

test('AZ-06 every comparison stands in the trace, with what was found and what was expected', async () => {
  const { entries } = await decided({
    options: { match, actions: ['initiate'] },
    body: JSON.stringify({ ...sent, amount: 1235 }),
  })
  expect(entries.filter(({ check }) => check.startsWith('details'))).toMatchObject([
    { check: 'details', result: 'pass' },
    { check: 'details type', result: 'pass' },
    { check: 'details actions', result: 'pass', found: '["initiate","status"]', expected: 'all of initiate' },
    { check: 'details match', result: 'pass' },
    { check: 'details match', result: 'pass' },
    {
      check: 'details match',
      result: 'fail',
      found: 'body:/amount is 1235',
      expected: '"123.50" of /instructedAmount/amount',
    },
  ])
})
