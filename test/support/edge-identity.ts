import { expect } from 'vitest'
import type { Seen } from '../../demo/upstream.ts'
import type { Told } from './edge.ts'

/** Names that some upstream reads as the subject, the client or whatever else only we may say. */
export const aliases: readonly string[] = [
  'x-authz-subject',
  'X-Authz-Subject',
  'X-AUTHZ-CLIENT-ID',
  'x-authz-roles',
  'x_authz_subject',
  'X_Authz_Client_Id',
  'x.authz.subject',
  'x-authz_subject',
  'x_authz-client.id',
  'x.authz_roles',
  'x-authz-',
]

/** As an upstream folds them: case, underscores and dots make no difference. */
const fold = (name: string): string => name.toLowerCase().replaceAll(/[_.]/g, '-')

/** Every line the upstream could take for an identity header, under its folded name. */
export const identityLines = (seen: Seen | undefined, ...more: readonly string[]): Readonly<Record<string, string>> => {
  const found = (seen?.headers ?? [])
    .map(([name, value]) => [fold(name), value] as const)
    .filter(([name]) => name.startsWith('x-authz-') || more.includes(name))
  // One line each: a second would be somebody else's.
  expect(new Set(found.map(([name]) => name)).size).toBe(found.length)
  return Object.fromEntries(found)
}

/** The request arrived with these identity headers and no other, and without token and proof. */
export function expectIdentity(told: Omit<Told, 'id'>, expected: Readonly<Record<string, string>>): void {
  expect(told).toMatchObject({ status: 200, hits: 1 })
  expect(identityLines(told.seen)).toEqual(expected)
  expect(told.seen?.headers.filter(([name]) => ['authorization', 'dpop'].includes(name))).toEqual([])
}
