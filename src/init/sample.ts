/** A path that the route takes, and not the open one for health checks before it. */
export function sampleOf(path: string): string {
  const sample = path.replace(/\/\*\*$/, '').replaceAll(/\{[^}]*\}/g, '1') || '/'
  return sample === '/health' && path !== sample ? '/health/1' : sample
}
