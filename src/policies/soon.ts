/** Goes on with what is there, at once, or with what will be, when it is: only who has to wait does. */
export const soon = <T, U>(value: T | Promise<T>, next: (value: T) => U | Promise<U>): U | Promise<U> =>
  value instanceof Promise ? value.then(next) : next(value)
