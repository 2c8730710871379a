import { hash, type KeyObject, X509Certificate } from 'node:crypto'

/** The key a certificate is about. `weakness` says why nothing signed with it counts; undefined when it does. */
export interface CertificateKey {
  readonly object: KeyObject | undefined
  readonly kind: 'rsa' | 'rsa-pss' | 'ec' | 'ed25519' | 'unsupported'
  /** base64url SHA-256 of the SubjectPublicKeyInfo. */
  readonly pin: string
  readonly weakness: string | undefined
}

/** Reads the key with the library that verifies with it, which has to be able to read the certificate as well. */
export function publicKeyOf(certificate: Buffer, info: Buffer): CertificateKey | undefined {
  const pin = hash('sha256', info, 'base64url')
  let handle: X509Certificate
  try {
    handle = new X509Certificate(certificate)
  } catch {
    return undefined
  }
  try {
    const object = handle.publicKey
    const kind = kinds[object.asymmetricKeyType ?? ''] ?? 'unsupported'
    return { object, kind, pin, weakness: weaknessOf(object, kind) }
  } catch {
    return { object: undefined, kind: 'unsupported', pin, weakness: 'the key cannot be read' }
  }
}

const kinds: Readonly<Record<string, CertificateKey['kind']>> = {
  rsa: 'rsa',
  'rsa-pss': 'rsa-pss',
  ec: 'ec',
  ed25519: 'ed25519',
}

/** FAPI 2.0 Security Profile section 5.4.1. The upper bounds keep one verification cheap. */
function weaknessOf(key: KeyObject, kind: CertificateKey['kind']): string | undefined {
  const { modulusLength = 0, publicExponent = 0n, namedCurve = '' } = key.asymmetricKeyDetails ?? {}
  if (kind === 'unsupported') return 'the key is of no supported type'
  if (kind === 'ec') return CURVES.has(namedCurve) ? undefined : 'the curve is not P-256, P-384 or P-521'
  if (kind === 'ed25519') return undefined
  if (modulusLength < 2048 || modulusLength > 8192) return 'the RSA modulus is not of 2048 to 8192 bits'
  const usual = publicExponent >= 3n && publicExponent < 2n ** 33n && publicExponent % 2n === 1n
  return usual ? undefined : 'the RSA exponent is even, or not of 2 to 33 bits'
}

const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])
