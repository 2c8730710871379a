/**
 * Whether what a certificate names may be called. Whoever gets a certificate may choose what stands in it, so the host has
 * to be listed, with its port unless that is the usual one. The same reader takes the URL apart for the call.
 */
export function isListedPlace(url: string, hosts: readonly string[]): boolean {
  if (!/^https?:\/\/[\x21-\x7e]+$/i.test(url) || !URL.canParse(url)) return false
  const { host, username, password } = new URL(url)
  return username + password === '' && hosts.includes(host)
}
