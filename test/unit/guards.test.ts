import { describe, expect, test } from 'vitest'
import { readAttributes, readHeaders } from '../../src/attributes.ts'
import { refuseAmbiguous } from '../../src/guards.ts'
import { checkRequest, forms } from '../support/requests.ts'

describe.each(forms)('%s', (form) => {
  const refused = (...headers: (readonly [string, string])[]): string | undefined => {
    const wire = checkRequest({ headers }, form)
    const attributes = readAttributes(wire, readHeaders(wire))
    return attributes.ok ? refuseAmbiguous(attributes.value)?.reason : 'unread'
  }
  test('a plain request passes', () => {
    expect(refused()).toBeUndefined()
    expect(refused(['connection', 'keep-alive, upgrade'], ['x-http-methods', 'x'], ['x-method', 'x'])).toBeUndefined()
  })
  test.each([
    'x-http-method-override',
    'x-http-method',
    'x-method-override',
    'x_http_method_override',
    'X.HTTP-Method_Override',
    'x-method_override',
  ])('ENV-10 %s', (name) => expect(refused([name, 'DELETE'])).toBe('request_malformed'))
  test('envoy-06 x-envoy-auth-failure-mode-allowed from a client', () =>
    expect(refused(['x-envoy-auth-failure-mode-allowed', 'true'])).toBe('request_malformed'))
  test.each(['authorization', 'close, DPoP', 'x-authz-subject', 'keep-alive,X_authz.acr', ' x-fapi-interaction-id '])(
    'header-03 Connection: %s',
    (value) => expect(refused(['connection', value])).toBe('request_malformed'),
  )
  test('header-03 Connection on a second line', () =>
    expect(refused(['connection', 'close'], ['connection', 'x-authz-subject'])).toBe('request_malformed'))
})
