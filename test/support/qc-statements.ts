import { tags } from '../../src/verify/x509/der.ts'
import { writeElement } from '../../src/verify/x509/der-writer.ts'
import { oidElement } from './subjects.ts'

export const sequence = (...parts: readonly Buffer[]): Buffer => writeElement(tags.sequence, ...parts)
export const utf8 = (text: string | Buffer): Buffer => writeElement(tags.utf8String, Buffer.from(text))

export const COMPLIANCE = '0.4.0.1862.1.1'
export const TYPE = '0.4.0.1862.1.6'
export const PSD2 = '0.4.0.19495.2'
export const [ESIGN, ESEAL, WEB] = ['0.4.0.1862.1.6.1', '0.4.0.1862.1.6.2', '0.4.0.1862.1.6.3'] as const
export const roleOid = {
  unspecified: '0.4.0.19495.1.0',
  PSP_AS: '0.4.0.19495.1.1',
  PSP_PI: '0.4.0.19495.1.2',
  PSP_AI: '0.4.0.19495.1.3',
  PSP_IC: '0.4.0.19495.1.4',
} as const

export const statement = (id: string, ...info: readonly Buffer[]): Buffer => sequence(oidElement(id), ...info)
export const qcType = (...types: readonly string[]): Buffer => statement(TYPE, sequence(...types.map(oidElement)))
export const role = (oid: string, name: string): Buffer => sequence(oidElement(oid), utf8(name))

/** A PSD2 statement with these roles; each is named after its OID unless another name is given. */
export function psd2(options: {
  readonly roles: readonly (keyof typeof roleOid | readonly [oid: string, name: string])[]
  readonly ncaName?: string
  readonly ncaId?: string
  /** All roles in one SEQUENCE. */
  readonly flat?: boolean
}): Buffer {
  const { roles, ncaName = 'Financial Conduct Authority', ncaId = 'GB-FCA', flat = false } = options
  const written = roles.map((one) => (typeof one === 'string' ? role(roleOid[one], one) : role(...one)))
  const list = flat ? [sequence(...written.map((one) => one.subarray(2)))] : written
  return statement(PSD2, sequence(sequence(...list), utf8(ncaName), utf8(ncaId)))
}

/** What the extension of a QWAC with these roles holds. */
export const qwac = (roles: Parameters<typeof psd2>[0]['roles'] = ['PSP_AI'], more: { readonly ncaId?: string } = {}) =>
  sequence(statement(COMPLIANCE), qcType(WEB), psd2({ roles, ...more }))
