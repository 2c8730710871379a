import type { Advice } from './advice.ts'

/** What is wrong with the certificate of a client, whatever token comes with it. */
export const certificateAdvice = {
  client_certificate_missing: {
    check: 'certificate shown',
    clause: 'RFC 8446 section 4.4.2',
    option: 'clientCertificate',
    cause: 'The route asks for a client certificate, and there is none where the configuration looks for it.',
    example: 'a request without mutual TLS; source: connection behind a proxy that ends TLS',
    client: 'Make the connection with the certificate you are registered with.',
    operator:
      'In Envoy set require_client_certificate and include_peer_certificate; behind a proxy set clientCertificateFrom to what the proxy sends.',
  },
  client_certificate_unusable: {
    check: 'certificate read',
    clause: 'RFC 5280 section 4.1',
    option: 'clientCertificateFrom',
    cause:
      'There is a client certificate, but it or what came along cannot be read, or something said beside it contradicts it.',
    example: 'a certificate with two extensions of one kind; a negative serial number; a hash without its certificate',
    client: 'Have the certificate issued anew: strict readers refuse what is not DER.',
    operator: 'The detail names what is wrong. Behind a proxy let it send the certificate itself, not its hash alone.',
  },
  client_certificate_untrusted: {
    check: 'certificate path',
    clause: 'RFC 5280 section 6.1',
    option: 'clientCertificate.ca',
    cause: 'No path leads from the client certificate to an authority of clientCertificate.ca.',
    example:
      'a certificate of an unknown authority; an intermediate that nobody sent; an authority that may not sign certificates',
    client: 'Send the intermediate certificates along, as servers do.',
    operator:
      'Add the missing authority to intermediates, or let Envoy pass on what the client sent: x-forwarded-client-cert with chain: true. The detail names what ended the search.',
  },
  client_certificate_expired: {
    check: 'certificate validity',
    clause: 'RFC 5280 section 4.1.2.5',
    option: 'clientCertificate.leeway',
    cause: 'The client certificate, or an authority above it, is not valid yet or not any more.',
    example: 'a certificate that ended last night',
    client: 'Renew the certificate.',
    operator: 'When all clients are refused, look whether an authority in ca or intermediates has ended.',
  },
  client_certificate_purpose_refused: {
    check: 'certificate purpose',
    clause: 'RFC 5280 section 4.2.1.12',
    option: 'clientCertificate.eku',
    cause:
      'The certificate is not meant for clients: its extended key usage, its key usage or its being an authority says otherwise.',
    example: 'the certificate of a server (serverAuth alone), shown by a client',
    client: 'Use a certificate with the extended key usage clientAuth.',
    operator: 'Authorities that issue no clientAuth any more need eku: [clientAuth, serverAuth] or absent.',
  },
  client_certificate_refused: {
    check: 'certificate lists',
    clause: 'RFC 4517 section 4.2.15',
    option: 'clientCertificate',
    cause: 'The certificate stands on the deny list, or no entry of the allow list names it.',
    example: 'allow: { subjects: [{ O: Good Bank }] } and a certificate of another organization',
    client: 'Use the certificate you are registered with.',
    operator: 'The detail names the entry. A renewed certificate has another thumbprint and serial number.',
  },
  client_certificate_role_missing: {
    check: 'certificate roles',
    clause: 'ETSI TS 119 495 section 5.1',
    option: 'clientCertificate.roles',
    cause: 'The certificate does not give its owner the role that the route asks for, or is no qualified one.',
    example: 'roles: [PSP_PI] and the certificate of an account information service (PSP_AI)',
    client: 'Use a qualified certificate that holds the role you are authorised for.',
    operator:
      'The detail names the roles the certificate has. Roles are known by their OIDs, whatever their names say.',
  },
  client_certificate_revoked: {
    check: 'certificate status',
    clause: 'RFC 5280 section 6.3',
    option: 'clientCertificate.revocation',
    cause: 'A revocation list or an OCSP responder says that the certificate, or an authority above it, was revoked.',
    example: 'a certificate whose key was stolen',
    client: 'Get a new certificate.',
    operator: 'The detail names the serial number and the time. A certificate on hold is refused while it is listed.',
  },
  client_certificate_status_unknown: {
    check: 'certificate status',
    clause: 'RFC 6960 section 2.2',
    option: 'clientCertificate.revocation.ocsp',
    cause: 'The OCSP responder does not know the certificate.',
    example: 'a certificate that was issued a minute ago; a responder of another authority',
    client: 'Try again in a minute with a certificate that is new.',
    operator: 'Look whether the responder is the one of the authority that issued the certificate.',
  },
  client_certificate_mismatch: {
    check: 'certificate client',
    clause: 'RFC 8705 section 2.1.2',
    option: 'certificateClient',
    cause: 'The certificate is good, but belongs to another client than the one the token was issued to.',
    example: 'the token of client A over a connection of client B',
    client: 'Use your own token with your own certificate.',
    operator: 'Look at attribute or clients of certificateClient, and at the subject in the record of the decision.',
  },
  certificate_status_unavailable: {
    check: 'certificate status',
    clause: 'RFC 5280 section 6.3',
    option: 'clientCertificate.revocation',
    cause: 'It could not be learned whether the certificate was revoked, and the mode is hard.',
    example: 'the OCSP responder does not answer; the revocation list has run out',
    client: 'Try again after Retry-After seconds.',
    operator:
      'The detail names the sources and what is wrong with each; metrics: crl_events_total, ocsp_events_total, dependency_up. See docs/client-certificates.md.',
  },
} as const satisfies Record<string, Advice>
