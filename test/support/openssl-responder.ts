import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Certificate, readCertificateDer } from '../../src/verify/x509/certificate.ts'
import { answer, startPlainStub } from './plain-stub.ts'

/** Kinds of keys that an authority may have. */
const kinds = {
  rsa: ['rsa:2048'],
  pss: [
    'rsa-pss',
    '-pkeyopt',
    'rsa_keygen_bits:2048',
    '-pkeyopt',
    'rsa_pss_keygen_md:sha256',
    '-pkeyopt',
    'rsa_pss_keygen_mgf1_md:sha256',
  ],
  ec: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
} as const
export type KeyKind = keyof typeof kinds

const usages = {
  client: 'keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n',
  responder: 'keyUsage=critical,digitalSignature\nextendedKeyUsage=OCSPSigning\nnoCheck=ignored\n',
} as const

/** Which certificate the database lists as what, by its serial number. */
const index = `V	491231235959Z		1001	unknown	/CN=good
R	491231235959Z	260101000000Z,keyCompromise	1002	unknown	/CN=revoked
R	491231235959Z	260101000000Z,certificateHold	1003	unknown	/CN=hold
`

/**
 * An authority of the OpenSSL command line, and its responder behind a server on loopback: the command itself can only
 * listen to the whole world.
 */
export async function startOpensslResponder(kind: KeyKind) {
  const folder = mkdtempSync(join(tmpdir(), 'openssl-responder-'))
  const at = (name: string): string => join(folder, name)
  const run = (...order: readonly string[]): Buffer => execFileSync('openssl', order, { cwd: folder, stdio: 'pipe' })
  /** RSA-PSS with a salt as long as the digest; the command would take the longest. */
  const salted = (option: string): readonly string[] => (kind === 'pss' ? [option, 'rsa_pss_saltlen:-1'] : [])
  const request = (name: string, ...more: readonly string[]): void => {
    run('req', '-newkey', ...kinds[kind], '-nodes', '-keyout', `${name}.key`, '-subj', `/CN=${name}`, ...more)
  }
  const issue = (name: string, serial: string, usage: keyof typeof usages): void => {
    request(name, '-out', `${name}.csr`)
    writeFileSync(at(`${name}.cnf`), `basicConstraints=CA:false\n${usages[usage]}`)
    const issued = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-set_serial', `0x${serial}`, '-days', '2', '-sha256']
    const content = ['-extfile', `${name}.cnf`, '-out', `${name}.pem`]
    run('x509', '-req', '-in', `${name}.csr`, ...issued, ...content, ...salted('-sigopt'))
  }
  writeFileSync(at('index.txt'), index)
  const extended = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign']
  request('ca', '-x509', '-sha256', '-days', '2', '-set_serial', '0x77', '-out', 'ca.pem', ...extended)
  issue('good', '1001', 'client')
  issue('revoked', '1002', 'client')
  issue('hold', '1003', 'client')
  issue('stranger', '1004', 'client')
  issue('responder', '1005', 'responder')

  let options: readonly string[] = []
  let signer = 'ca'
  const respond = async (body: Buffer): Promise<Buffer> => {
    writeFileSync(at('request.der'), body)
    const signing = [
      '-CA',
      'ca.pem',
      '-rsigner',
      `${signer}.pem`,
      '-rkey',
      `${signer}.key`,
      ...salted('-rsigopt'),
      ...options,
    ]
    const files = ['-index', 'index.txt', '-reqin', 'request.der', '-respout', 'response.der']
    const child = spawn('openssl', ['ocsp', ...files, ...signing], { cwd: folder, stdio: 'ignore' })
    await once(child, 'exit')
    return readFileSync(at('response.der'))
  }
  const stub = await startPlainStub(({ body }, response) => {
    respond(body).then(
      (bytes) => answer(response, 'application/ocsp-response', bytes),
      () => response.destroy(),
    )
  })
  return {
    responder: stub.origin,
    certificate: (name: string): Certificate => {
      const read = readCertificateDer(run('x509', '-in', `${name}.pem`, '-outform', 'DER'))
      if (!read.ok) throw new Error(read.problem)
      return read.value
    },
    /** The certificate and the private key of that name, both PEM. */
    identity: (name: string) => ({
      certificate: readFileSync(at(`${name}.pem`), 'utf8'),
      key: readFileSync(at(`${name}.key`), 'utf8'),
    }),
    /** How the next questions are answered: by whom, and with what options of the command. */
    answerAs: (by: string, ...more: readonly string[]): void => {
      signer = by
      options = more
    },
    /** What the command line reads in a question. */
    print: (question: Buffer): string => {
      writeFileSync(at('printed.der'), question)
      return run('ocsp', '-reqin', 'printed.der', '-req_text', '-noverify').toString()
    },
    close: async (): Promise<void> => {
      await stub.close()
      rmSync(folder, { recursive: true })
    },
  }
}
