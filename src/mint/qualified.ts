import type { roleNames } from '../verify/certificate-roles.ts'
import { oid, sequence, utf8 } from './der.ts'

type Role = (typeof roleNames)[number]

const roleOids: Readonly<Record<Role, string>> = {
  PSP_AS: '0.4.0.19495.1.1',
  PSP_PI: '0.4.0.19495.1.2',
  PSP_AI: '0.4.0.19495.1.3',
  PSP_IC: '0.4.0.19495.1.4',
}

const statement = (id: string, ...info: readonly Buffer[]): Buffer => sequence(oid(id), ...info)

/** The QCStatements of a qualified certificate for websites (EN 319 412-5), and of a payment service (TS 119 495). */
export function qcStatements(roles: readonly Role[], qualified: boolean): Buffer {
  const granted = roles.map((role) => sequence(oid(roleOids[role]), utf8(role)))
  return sequence(
    ...(qualified ? [statement('0.4.0.1862.1.1'), statement('0.4.0.1862.1.6', sequence(oid('0.4.0.1862.1.6.3')))] : []),
    ...(granted.length > 0
      ? [
          statement(
            '0.4.0.19495.2',
            sequence(sequence(...granted), utf8('Financial Conduct Authority'), utf8('GB-FCA')),
          ),
        ]
      : []),
  )
}
