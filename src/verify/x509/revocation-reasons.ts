/** Why a certificate was revoked, by number (RFC 5280 section 5.3.1). */
export const revocationReasons: readonly (string | undefined)[] = [
  ...['unspecified', 'keyCompromise', 'cACompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation'],
  ...['certificateHold', undefined, 'removeFromCRL', 'privilegeWithdrawn', 'aACompromise'],
]
