declare const granted: unique symbol

/** Leave for one route to let pass what it would refuse. Only `grantShadow` makes one, while routes are built. */
export interface Shadow {
  readonly [granted]: true
  /** Seconds since the epoch; from then on the route enforces. Undefined: no end. */
  readonly until: number | undefined
}

const seals = new WeakSet<object>()

export function grantShadow(until: number | undefined): Shadow {
  // The one place where such a leave comes into being.
  const shadow = Object.freeze({ until }) as Shadow
  seals.add(shadow)
  return shadow
}

/** Whether this is a genuine leave that holds at this moment. Whatever is in doubt enforces. */
export const isInForce = (shadow: Shadow | undefined, now: number): shadow is Shadow =>
  shadow !== undefined && seals.has(shadow) && (shadow.until === undefined || now < shadow.until)
